//! [`StateDict`]: weights with PyTorch's names and memory layout.
//!
//! | layer | module | tensors, named by the index of the module, from 0 |
//! |---|---|---|
//! | `dense256` | `Linear` | `0.weight` (outputs, inputs), `0.bias` (outputs) |
//! | `conv5-24` | `Conv2d` | `0.weight` (filters, channels, height, width), `0.bias` (filters) |
//! | `batchnorm` | `BatchNorm1d`, `BatchNorm2d` | `0.weight`, `0.bias`, `0.running_mean`, `0.running_var` (channels), `0.num_batches_tracked` |
//! | `pool`, `avgpool` | `MaxPool2d`, `AvgPool2d` | none |
//! | `relu`, `leaky0.01`, `sigmoid`, `tanh`, `gelu`, `gelu-tanh` | `ReLU`, `LeakyReLU`, `Sigmoid`, `Tanh`, `GELU()`, `GELU(approximate="tanh")` | none |
//! | `dropout0.4`, `flatten` | `Dropout`, `Flatten` | none |
//!
//! Modules may also have names, such as `features.0` and `classifier.fc1`, or a common prefix, such as `module.` of
//! `DataParallel` and `_orig_mod.` of `torch.compile`: see [`StateDict::network`].
//!
//! Images are (channels, height, width) in PyTorch and (height, width, channels) here. Therefore the inputs of the
//! layer after a `flatten` are permuted in the conversion, and the scores are the same.

mod order;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, View};

use super::MAX_BYTES;
use crate::image::ImageShape;
use crate::network::{Architecture, BatchNorm, Conv2d, Dense, Layer, Network, Shape, Spec};
use crate::tensors::floats;
use crate::{Error, Result};

/// One tensor of a [`StateDict`].
#[derive(Clone, Debug, PartialEq)]
pub struct StateTensor {
    /// Its name, such as `0.weight`.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub values: Vec<f32>,
}

/// The weights of a network, named as those of a `torch.nn.Sequential` with a module for each layer.
///
/// ```
/// use tercet::model::StateDict;
/// use tercet::network::{Init, Network};
///
/// let network = Network::fully_connected(3, &[4], 2, Init::He, 0)?;
/// let state = StateDict::of(&network)?;
/// let names: Vec<&str> = state.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
/// assert_eq!(state.tensors()[0].shape, [4, 3]);
///
/// let again = state.network(&"dense4 relu dense2".parse()?, 3, 2)?;
/// assert_eq!(again, network);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    tensors: Vec<StateTensor>,
    /// The names of the modules in the order of the layers, if they were given.
    modules: Option<Vec<String>>,
}

/// The tensors of one module, by their names in PyTorch.
#[derive(Default)]
struct Module<'a> {
    name: String,
    tensors: HashMap<&'a str, &'a StateTensor>,
}

impl StateDict {
    /// The weights of a network.
    ///
    /// # Errors
    /// An output that is the pixels of an image without a dense layer after it, since their order cannot be preserved.
    pub fn of(network: &Network) -> Result<Self> {
        let (mut tensors, mut flattened, mut before) = (Vec::new(), None, network.input());
        for (place, (layer, &after)) in network.layers().iter().zip(network.shapes()).enumerate() {
            let mut add = |name: &str, shape: Vec<usize>, values: Vec<f32>| {
                tensors.push(StateTensor { name: format!("{place}.{name}"), shape, values });
            };
            match layer {
                Layer::Dense(dense) => {
                    let (inputs, outputs) = (dense.inputs, dense.outputs);
                    let order = order(flattened.take(), inputs);
                    let columns = (0..outputs).flat_map(|j| order.iter().map(move |i| i * outputs + j));
                    add("weight", vec![outputs, inputs], columns.map(|at| dense.w[at]).collect());
                    add("bias", vec![outputs], dense.b.clone());
                }
                Layer::Conv2d(conv) => {
                    let shape = vec![conv.filters, conv.channels, conv.kernel_height, conv.kernel_width];
                    add("weight", shape, places(conv).map(|at| conv.w[at]).collect());
                    add("bias", vec![conv.filters], conv.b.clone());
                }
                Layer::BatchNorm(norm) => {
                    let order = order(flattened, norm.channels());
                    let arrays = [&norm.gamma, &norm.beta, &norm.mean, &norm.variance];
                    for (name, array) in NORM.into_iter().zip(arrays) {
                        add(name, vec![array.len()], order.iter().map(|&at| array[at]).collect());
                    }
                }
                Layer::Flatten => flattened = flattened.or(image(before)),
                _ => {}
            }
            before = after;
        }
        match flattened {
            None => Ok(StateDict { tensors, modules: None }),
            Some(image) => Err(scores_of_pixels(image)),
        }
    }

    /// The tensors of a dictionary, in any order.
    ///
    /// # Errors
    /// A tensor whose number of values does not match its dimensions.
    pub fn new(tensors: Vec<StateTensor>) -> Result<Self> {
        for StateTensor { name, shape, values } in &tensors {
            if shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d)) != Some(values.len()) {
                let what = format!("numbers of the tensor {name}");
                return Err(Error::mismatch(what, values.len(), format!("as many as {shape:?} says")));
            }
        }
        Ok(StateDict { tensors, modules: None })
    }

    /// The same tensors with the order of their modules: a name for each layer with weights. Other modules are ignored.
    ///
    /// ```
    /// use tercet::model::{StateDict, StateTensor};
    ///
    /// let tensor = |name: &str, value| StateTensor { name: name.into(), shape: vec![2, 2], values: vec![value; 4] };
    /// let state = StateDict::new(vec![tensor("body.weight", 1.0), tensor("tail.weight", 2.0)])?;
    /// // The dimensions do not tell which of the two is the first layer.
    /// assert!(state.network(&"dense2 relu".parse()?, 2, 2).is_err());
    /// let state = state.with_modules(vec!["body".into(), "tail".into()])?;
    /// let network = state.network(&"dense2 relu".parse()?, 2, 2)?;
    /// assert_eq!(network.dense_layers().next().unwrap().w, [1.0; 4]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// A name that no module has, with the names that exist.
    pub fn with_modules(mut self, names: Vec<String>) -> Result<Self> {
        let known: Vec<String> = self.all_modules()?.into_iter().map(|module| module.name).collect();
        let mut seen = HashSet::new();
        for name in &names {
            if !known.contains(name) {
                let expected = format!("one of {}", known.join(", "));
                return Err(Error::mismatch("a module of the state dict", name, expected));
            }
            if !seen.insert(name) {
                return Err(Error::mismatch(
                    "the names of the modules",
                    format!("{name} twice"),
                    "each name once",
                ));
            }
        }
        self.modules = Some(names);
        Ok(self)
    }

    /// The modules that [`with_modules`](StateDict::with_modules) left out.
    pub fn ignored_modules(&self) -> Vec<String> {
        let Some(used) = &self.modules else { return Vec::new() };
        let all = self.all_modules().unwrap_or_default().into_iter().map(|module| module.name);
        all.filter(|name| !used.contains(name)).collect()
    }

    /// The tensors, module by module.
    pub fn tensors(&self) -> &[StateTensor] {
        &self.tensors
    }

    /// Reads a safetensors file, such as one written by `safetensors.torch.save_file(model.state_dict(), path)`. 16-bit
    /// floats (F16 and BF16) are exact in 32 bits, 64-bit floats are rounded to them, and batch counters are ignored.
    ///
    /// # Errors
    /// A file that cannot be read or is not a safetensors file, and other number types.
    pub fn read(path: &Path) -> Result<Self> {
        const REMEDY: &str = "Write it with safetensors.torch.save_file(model.state_dict(), path).";
        let file = File::open(path).map_err(Error::file("read", path))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
        if bytes.len() as u64 > MAX_BYTES {
            let found = format!("more than {} GiB", MAX_BYTES >> 30);
            return Err(Error::format(path, found, "a smaller file", REMEDY));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|error| {
            let found = if bytes.starts_with(b"PK") || bytes.starts_with(&[0x80]) {
                "a ZIP archive or pickle, as torch.save writes, which may contain arbitrary code".to_owned()
            } else {
                format!("a file that is damaged, truncated or of another format ({error})")
            };
            Error::format(path, found, "a safetensors file", REMEDY)
        })?;
        let mut tensors = Vec::new();
        for (name, tensor) in file.tensors() {
            let values = match floats(tensor.dtype(), tensor.data()) {
                Some(values) => values,
                None if name.rsplit('.').next() == Some(COUNT) => continue,
                None => {
                    let found = format!("a tensor {name} of {}", tensor.dtype());
                    let remedy =
                        "Write it with safetensors.torch.save_file(model.float().state_dict(), path).";
                    return Err(Error::format(path, found, "F16, BF16, F32 or F64", remedy));
                }
            };
            tensors.push(StateTensor { name, shape: tensor.shape().to_vec(), values });
        }
        StateDict::new(tensors)
    }

    /// The bytes of a safetensors file, for `model.load_state_dict(safetensors.torch.load_file(path))`.
    ///
    /// # Errors
    /// Duplicate names.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors: Vec<(String, Numbers<'_>)> = Vec::new();
        for tensor in &self.tensors {
            tensors.push((tensor.name.clone(), Numbers::Floats(tensor)));
            if let Some(module) = tensor.name.strip_suffix("running_mean") {
                tensors.push((format!("{module}{COUNT}"), Numbers::Zero));
            }
        }
        // The library would list only one of two duplicates, and write the data of both.
        let mut names = HashSet::new();
        if let Some((twice, _)) = tensors.iter().find(|(name, _)| !names.insert(name)) {
            return Err(Error::mismatch("tensors of the state dict", twice, "each name once"));
        }
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| {
            Error::mismatch("the state dict to be saved", error, "tensors that can be written")
        })
    }

    /// The network with these layers and weights. The modules with tensors are taken in the order of the numbers in their
    /// names, one for each layer with weights, whatever is between them. Where names have no numbers, such as `encoder`
    /// and `head`, the dimensions of the weights decide. Names may have a common prefix, such as `net.` or `module.`.
    /// A missing bias is replaced by zeros, and missing weights of a batch norm by the identity.
    ///
    /// # Errors
    /// Those of [`Architecture::complete`]; names without an order if the dimensions do not decide (see
    /// [`with_modules`](StateDict::with_modules)); a number of modules other than that of the layers with weights; a
    /// tensor with the wrong shape or an unexpected name.
    pub fn network(&self, layers: &Architecture, input: impl Into<Shape>, classes: usize) -> Result<Network> {
        let input = input.into();
        let complete = layers.complete(input, classes)?;
        let summary = complete.summary(input)?;
        // If a dense layer comes first, the image is flattened.
        let first = crate::network::input_shape(complete.layers().iter().copied(), input);
        let learns = |spec: &Spec| matches!(spec, Spec::Dense { .. } | Spec::Conv2d { .. } | Spec::BatchNorm);
        let inputs = std::iter::once(first).chain(summary.iter().map(|layer| layer.output));
        let layers = summary.iter().map(|layer| layer.layer).zip(inputs);
        let layers: Vec<(Spec, Shape)> = layers.filter(|(spec, _)| learns(spec)).collect();
        let mut modules = self.modules(&layers, &complete)?.into_iter();
        let (mut built, mut flattened) = (Vec::new(), None);
        let mut before = first;
        for layer in &summary {
            let module =
                if learns(&layer.layer) { modules.next().unwrap_or_default() } else { Module::default() };
            built.push(match layer.layer {
                Spec::Dense { .. } => {
                    module.dense(layer.layer, (before.values(), layer.output.values()), flattened.take())?
                }
                Spec::Conv2d { .. } => module.conv2d(layer.layer, before.channels())?,
                Spec::BatchNorm => module.batch_norm(layer.layer, before.channels(), flattened)?,
                Spec::Flatten => {
                    flattened = flattened.or(image(before));
                    Layer::Flatten
                }
                Spec::MaxPool(pool) => Layer::MaxPool(pool),
                Spec::AveragePool(pool) => Layer::AveragePool(pool),
                Spec::Activation(activation) => Layer::Activation(activation),
                Spec::Dropout { p } => Layer::Dropout { p },
            });
            before = layer.output;
        }
        let network = Network::with_input(first, built)?;
        match network.first_non_finite() {
            Some(value) => Err(Error::mismatch("a weight of the state dict", value, "finite numbers")),
            None => Ok(network),
        }
    }

    /// The modules in the order of these layers, which are those with weights, each with the shape of its input.
    fn modules(&self, layers: &[(Spec, Shape)], complete: &Architecture) -> Result<Vec<Module<'_>>> {
        let mut modules = self.all_modules()?;
        if let Some(names) = &self.modules {
            modules.retain(|module| names.contains(&module.name));
            modules.sort_by_key(|module| names.iter().position(|name| *name == module.name));
        }
        if modules.len() != layers.len() {
            let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
            let found = format!("{} ({})", modules.len(), names.join(", "));
            let expected = format!("{}, for the layers {complete}", layers.len());
            return Err(Error::mismatch("modules with weights in the state dict", found, expected));
        }
        if self.modules.is_none() {
            order::sort(&mut modules, layers)?;
        }
        Ok(modules)
    }

    /// All modules with tensors, in the order in which their first tensors come.
    fn all_modules(&self) -> Result<Vec<Module<'_>>> {
        let mut modules: Vec<Module<'_>> = Vec::new();
        for tensor in &self.tensors {
            let (module, name) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
            let at = modules.iter().position(|of| of.name == module).unwrap_or_else(|| {
                modules.push(Module { name: module.to_owned(), tensors: HashMap::new() });
                modules.len() - 1
            });
            if modules[at].tensors.insert(name, tensor).is_some() {
                return Err(Error::mismatch("tensors of the state dict", &tensor.name, "each name once"));
            }
        }
        Ok(modules)
    }
}

/// The names of the arrays of a batch norm in PyTorch.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// The number of batches that a batch norm has processed, which does not affect its output.
const COUNT: &str = "num_batches_tracked";

impl Module<'_> {
    fn array(&self, name: &str, spec: Spec, shape: &[usize]) -> Result<Option<&[f32]>> {
        let Some(tensor) = self.tensors.get(name) else { return Ok(None) };
        if tensor.shape != shape {
            let what = format!("dimensions of {}", tensor.name);
            return Err(Error::mismatch(
                what,
                format!("{:?}", tensor.shape),
                format!("{shape:?}, for {spec}"),
            ));
        }
        Ok(Some(&tensor.values))
    }

    fn required(&self, name: &str, spec: Spec, shape: &[usize]) -> Result<&[f32]> {
        self.array(name, spec, shape)?.ok_or_else(|| {
            let mut found: Vec<&str> = self.tensors.keys().copied().collect();
            found.sort_unstable();
            let what = format!("tensors of the module {}", self.name);
            Error::mismatch(what, found.join(", "), format!("{name} among them, for {spec}"))
        })
    }

    fn optional(&self, name: &str, spec: Spec, count: usize, default: f32) -> Result<Vec<f32>> {
        Ok(self.array(name, spec, &[count])?.map_or_else(|| vec![default; count], <[f32]>::to_vec))
    }

    fn nothing_else(&self, spec: Spec, known: &[&str]) -> Result<()> {
        match self.tensors.iter().find(|(name, _)| !known.contains(name)) {
            Some((_, tensor)) => Err(Error::mismatch(
                "tensors of the state dict",
                &tensor.name,
                format!("none such, for {spec}"),
            )),
            None => Ok(()),
        }
    }
}

/// The layers that modules become.
impl Module<'_> {
    /// A dense layer of (inputs, outputs), whose inputs may be a flattened image.
    fn dense(
        &self,
        spec: Spec,
        (inputs, outputs): (usize, usize),
        flattened: Option<ImageShape>,
    ) -> Result<Layer> {
        let weight = self.required("weight", spec, &[outputs, inputs])?;
        let mut w = vec![0.0; inputs * outputs];
        let order = order(flattened, inputs);
        for (j, row) in weight.chunks_exact(inputs).enumerate() {
            order.iter().zip(row).for_each(|(i, value)| w[i * outputs + j] = *value);
        }
        let b = self.optional("bias", spec, outputs, 0.0)?;
        self.nothing_else(spec, &["weight", "bias"])?;
        Ok(Layer::Dense(Dense { inputs, outputs, w, b }))
    }

    fn conv2d(&self, spec: Spec, channels: usize) -> Result<Layer> {
        let Spec::Conv2d { kernel_height, kernel_width, filters, stride, padding } = spec else {
            unreachable!("{spec} is not a convolution");
        };
        let weight = self.required("weight", spec, &[filters, channels, kernel_height, kernel_width])?;
        let b = self.optional("bias", spec, filters, 0.0)?;
        self.nothing_else(spec, &["weight", "bias"])?;
        let w = vec![0.0; weight.len()];
        let mut conv = Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, w, b };
        let places: Vec<usize> = places(&conv).collect();
        places.into_iter().zip(weight).for_each(|(at, value)| conv.w[at] = *value);
        Ok(Layer::Conv2d(conv))
    }

    /// A batch norm of channels, or of the features of a flattened image.
    fn batch_norm(&self, spec: Spec, channels: usize, flattened: Option<ImageShape>) -> Result<Layer> {
        let order = order(flattened, channels);
        let array = |name: &str, default: Option<f32>| -> Result<Vec<f32>> {
            let values = match default {
                None => self.required(name, spec, &[channels])?.to_vec(),
                Some(default) => self.optional(name, spec, channels, default)?,
            };
            let mut array = vec![0.0; channels];
            order.iter().zip(values).for_each(|(&at, value)| array[at] = value);
            Ok(array)
        };
        let [weight, bias, running_mean, running_variance] = NORM;
        let norm = BatchNorm {
            gamma: array(weight, Some(1.0))?,
            beta: array(bias, Some(0.0))?,
            mean: array(running_mean, None)?,
            variance: array(running_variance, None)?,
        };
        self.nothing_else(spec, &[&NORM[..], &[COUNT]].concat())?;
        Ok(Layer::BatchNorm(norm))
    }
}

/// The image that a shape is, where it has more than one pixel and channel: others have the same order here and there.
fn image(shape: Shape) -> Option<ImageShape> {
    match shape {
        Shape::Image(image) if image.channels > 1 && image.width * image.height > 1 => Some(image),
        _ => None,
    }
}

/// The indices of flattened values in this crate's order, listed in PyTorch's order: channel by channel of the original
/// image.
fn order(flattened: Option<ImageShape>, count: usize) -> Vec<usize> {
    match flattened {
        None => (0..count).collect(),
        Some(ImageShape { width, height, channels }) => (0..channels)
            .flat_map(|channel| (0..width * height).map(move |place| place * channels + channel))
            .collect(),
    }
}

/// The indices of a convolution's weights in this crate's order, listed in PyTorch's order: (filter, channel, row,
/// column).
fn places(conv: &Conv2d) -> impl Iterator<Item = usize> + use<> {
    let (filters, channels) = (conv.filters, conv.channels);
    let kernel = conv.kernel_height * conv.kernel_width;
    (0..filters).flat_map(move |filter| {
        (0..channels).flat_map(move |channel| {
            (0..kernel).map(move |place| (place * channels + channel) * filters + filter)
        })
    })
}

fn scores_of_pixels(image: ImageShape) -> Error {
    let expected = "a dense layer after flatten, since PyTorch would order the classes differently";
    Error::mismatch("scores of the network", format!("the values of {image}"), expected)
}

/// A tensor to be written to a file.
enum Numbers<'a> {
    Floats(&'a StateTensor),
    Zero,
}

impl View for Numbers<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Numbers::Floats(_) => Dtype::F32,
            Numbers::Zero => Dtype::I64,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Numbers::Floats(tensor) => &tensor.shape,
            Numbers::Zero => &[],
        }
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        match self {
            Numbers::Floats(tensor) => tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Numbers::Zero => vec![0; 8].into(),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Numbers::Floats(tensor) => 4 * tensor.values.len(),
            Numbers::Zero => 8,
        }
    }
}

#[cfg(test)]
mod tests;
