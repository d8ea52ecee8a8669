//! Building a graph node by node.

use super::operation::Operation;
use super::value::{Value, number};
use super::window::Window;
use super::{Graph, Node, NodeId};
use crate::loss::Loss;
use crate::network::Activation;

impl Graph {
    /// Adds a node for an operation on nodes of this graph.
    ///
    /// # Panics
    /// If the operation takes another number of operands, or they belong to another graph; and for
    /// [`Operation::Input`], which needs a name: use [`input`](Graph::input).
    pub fn apply(&mut self, operation: Operation, operands: &[NodeId]) -> NodeId {
        assert!(operation != Operation::Input, "a variable has a name");
        let (least, most) = operation.arity();
        assert!((least..=most).contains(&operands.len()), "{operation:?} of {} operands", operands.len());
        assert!(operands.iter().all(|operand| operand.0 < self.nodes.len()), "operands of this graph");
        let name = match &operation {
            // Constants are named after their value; several may be equal.
            Operation::Constant(value) => value.short(4),
            _ => self.free_name(),
        };
        if !matches!(operation, Operation::Constant(_)) {
            self.names.insert(name.clone(), NodeId(self.nodes.len()));
        }
        self.nodes.push(Node { name, operation, operands: operands.to_vec(), at: None });
        NodeId(self.nodes.len() - 1)
    }

    /// The next of v1, v2 and so on that is free.
    fn free_name(&mut self) -> String {
        loop {
            self.numbered += 1;
            let name = format!("v{}", self.numbered);
            if !self.names.contains_key(&name) {
                return name;
            }
        }
    }

    /// The variable of this name. Repeated calls return the same node.
    ///
    /// # Panics
    /// If another node has the name.
    pub fn input(&mut self, name: &str) -> NodeId {
        if let Some(node) = self.node(name).filter(|&node| *self.operation(node) == Operation::Input) {
            return node;
        }
        let node = NodeId(self.nodes.len());
        self.take_name(name, node);
        let (operation, operands) = (Operation::Input, Vec::new());
        self.nodes.push(Node { name: name.to_owned(), operation, operands, at: None });
        node
    }

    /// Names a node other than a variable.
    ///
    /// # Panics
    /// If another node has the name, and for a variable.
    pub fn set_name(&mut self, node: NodeId, name: &str) {
        assert!(*self.operation(node) != Operation::Input, "a variable keeps its name");
        let before = self.nodes[node.0].name.clone();
        if self.node(&before) == Some(node) {
            self.names.remove(&before);
        }
        // The number given last is free again.
        if before == format!("v{}", self.numbered) {
            self.numbered -= 1;
        }
        self.take_name(name, node);
        self.nodes[node.0].name = name.to_owned();
    }

    /// Gives a name to a node. If another node had it as its automatic name, that node is renumbered.
    fn take_name(&mut self, name: &str, node: NodeId) {
        if let Some(other) = self.names.insert(name.to_owned(), node) {
            assert!(self.is_unnamed(other), "another node is called {name}");
            let free = self.free_name();
            self.nodes[other.0].name.clone_from(&free);
            self.names.insert(free, other);
        }
    }

    /// Whether a node has an automatic name.
    pub(super) fn is_unnamed(&self, node: NodeId) -> bool {
        let number = self.name(node).strip_prefix('v').and_then(|n| n.parse::<usize>().ok());
        !matches!(self.operation(node), Operation::Input | Operation::Constant(_)) && number.is_some()
    }

    /// A number or matrix that is not a variable.
    pub fn constant(&mut self, value: Value) -> NodeId {
        self.apply(Operation::Constant(value), &[])
    }

    /// `a + b`, element-wise. A row is broadcast over all rows, a column over all columns, a scalar over both.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Add, &[a, b])
    }

    /// `a − b`, likewise.
    pub fn subtract(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Subtract, &[a, b])
    }

    /// `a · b`, likewise.
    pub fn multiply(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Multiply, &[a, b])
    }

    /// `a / b`, likewise.
    pub fn divide(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Divide, &[a, b])
    }

    /// `a ^ b`, likewise.
    pub fn power(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Power, &[a, b])
    }

    /// `max(a, b)`, likewise. If both are equal, the first gets the gradient.
    pub fn maximum(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Maximum, &[a, b])
    }

    /// `−a`
    pub fn negate(&mut self, a: NodeId) -> NodeId {
        self.apply(Operation::Negate, &[a])
    }

    /// `max(0, a)`, element-wise.
    pub fn relu(&mut self, a: NodeId) -> NodeId {
        self.apply(Operation::Activation(Activation::Relu), &[a])
    }

    /// The sum of all elements.
    pub fn sum(&mut self, a: NodeId) -> NodeId {
        self.apply(Operation::Sum, &[a])
    }

    /// The matrix product.
    ///
    /// # Shapes
    /// `a` is (M, K), `b` is (K, N), the product is (M, N).
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.apply(Operation::Matmul, &[a, b])
    }

    /// The mean loss of a batch.
    ///
    /// # Shapes
    /// `scores` is (B, C); `classes` is (B, 1) or (1, B), integers below C; the loss is a scalar.
    pub fn loss(&mut self, scores: NodeId, classes: NodeId, loss: Loss) -> NodeId {
        self.apply(Operation::Loss(loss), &[scores, classes])
    }

    /// The convolution of images with weights.
    ///
    /// # Shapes
    /// `x` is (B, height · width · Cin), `w` (kernel height · kernel width · Cin, Cout), `b` (1, Cout); the output is
    /// (B, output height · output width · Cout).
    pub fn convolve(&mut self, x: NodeId, w: NodeId, b: Option<NodeId>, window: Window) -> NodeId {
        let operands: Vec<NodeId> = [x, w].into_iter().chain(b).collect();
        self.apply(Operation::Convolution(window), &operands)
    }

    /// `scale · Σ a²`: the regularisation of a weight matrix.
    pub fn squares(&mut self, a: NodeId, scale: f64) -> NodeId {
        let two = self.constant(Value::scalar(2.0));
        let scale = self.constant(Value::scalar(scale));
        let squares = self.power(a, two);
        let sum = self.sum(squares);
        self.multiply(scale, sum)
    }
}

impl std::fmt::Display for Graph {
    /// One node per line: `q = x + y`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for node in self.nodes() {
            match self.operation(node) {
                Operation::Constant(value) => match value.as_scalar() {
                    Some(v) if self.name(node) == number(v) => {}
                    _ => writeln!(f, "{} = {}", self.name(node), value.short(16))?,
                },
                _ => writeln!(f, "{} = {}", self.name(node), self.formula(node))?,
            }
        }
        Ok(())
    }
}
