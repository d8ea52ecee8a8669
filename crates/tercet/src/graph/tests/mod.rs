//! Tests of the graph against the lecture, against central differences and against the network.

mod expressions;
mod networks;

use super::*;
use crate::gradient_check::Verdict;

/// A graph with its values and gradients.
pub(super) struct Case {
    pub graph: Graph,
    pub root: NodeId,
    pub evaluation: Evaluation,
    pub gradients: Gradients,
    pub steps: Vec<String>,
}

pub(super) fn case(text: &str, values: &str) -> Case {
    let (graph, root) = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let values = parse_values(values).unwrap_or_else(|error| panic!("{error}"));
    let evaluation = graph.evaluate(&values).unwrap_or_else(|error| panic!("{error}"));
    let mut steps = Vec::new();
    let gradients = graph
        .gradients_with(&evaluation, root, &mut |step| steps.push(step.to_string()))
        .unwrap_or_else(|error| panic!("{error}"));
    Case { graph, root, evaluation, gradients, steps }
}

impl Case {
    pub fn gradient(&self, name: &str) -> &[f64] {
        self.gradients.of(self.graph.node(name).unwrap()).unwrap().numbers()
    }

    fn verdict(&self, node: NodeId) -> Option<Verdict> {
        let checked = self.graph.check(&self.evaluation, &self.gradients, self.root, node).unwrap();
        checked.map(|checked| checked.verdict)
    }

    /// The kink found by the check of a node.
    fn corner(&self, name: &str) -> String {
        match self.verdict(self.graph.node(name).unwrap()) {
            Some(Verdict::Kink { corner, .. }) => self.graph.corner(&self.evaluation, corner),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_lectures_graph_step_by_step() {
    let case = case("q = x + y; f = q * z", "x=-2, y=5, z=-4");
    let value = |name: &str| case.evaluation.value(case.graph.node(name).unwrap()).as_scalar();
    assert_eq!((value("q"), value("f")), (Some(3.0), Some(-12.0)));
    let expected = [
        "∂f/∂f = 1",
        "∂f/∂q = z = −4",
        "∂f/∂z = q = 3",
        "∂f/∂x = ∂q/∂x · ∂f/∂q = 1 · (−4) = −4",
        "∂f/∂y = ∂q/∂y · ∂f/∂q = 1 · (−4) = −4",
    ];
    assert_eq!(case.steps, expected);
}

#[test]
fn the_gradient_of_a_shared_node_is_the_sum_over_its_uses() {
    let case = case("x * x + relu(x)", "x=3");
    assert_eq!(case.gradient("x"), [7.0]);
    let expected = [
        "∂f/∂f = 1",
        "∂f/∂v1 = 1",
        "∂f/∂v2 = 1",
        "∂f/∂x through v2: ∂v2/∂x · ∂f/∂v2 = [x > 0] · ∂f/∂v2 = 1 · 1 = 1",
        "∂f/∂x through v1, operand 1: ∂v1/∂x · ∂f/∂v1 = x · ∂f/∂v1 = 3 · 1 = 3",
        "∂f/∂x through v1, operand 2: ∂v1/∂x · ∂f/∂v1 = x · ∂f/∂v1 = 3 · 1 = 3",
        "∂f/∂x = 1 + 3 + 3 = 7, the sum over its 3 uses",
    ];
    assert_eq!(case.steps, expected);
}

#[test]
fn steps_through_matrices_print_the_rules_of_the_book() {
    let case = case("z = x @ w + b; h = relu(z); L = sum(h)", "x=[1,2], w=[1,-1;1,0], b=[0.5,0.5]");
    for expected in [
        "∂L/∂h = [1, 1]",
        "∂L/∂z = ∂h/∂z ∘ ∂L/∂h = [z > 0] ∘ ∂L/∂h = [1, 0] ∘ [1, 1] = [1, 0]",
        "∂L/∂b = ∂z/∂b · ∂L/∂z = 1 · [1, 0] = [1, 0]",
        "∂L/∂w = xᵀ · ∂L/∂v1 = [1, 0; 2, 0]",
        "∂L/∂x = ∂L/∂v1 · wᵀ = [1, 1]",
    ] {
        assert!(case.steps.iter().any(|step| step == expected), "no {expected} in {:#?}", case.steps);
    }
}

/// Every operation, with values away from its kinks.
const OPERATIONS: [(&str, &str); 36] = [
    ("(x + y) * z", "x=-2, y=5, z=-4"),
    ("x / y - y / x", "x=-2, y=5"),
    ("x ^ y + y ** 3 + z ^ 0 + z ^ 1 + z ^ -2", "x=2, y=1.5, z=-3"),
    ("-x ^ 2 * 2 ^ -x ^ 2", "x=0.7"),
    ("exp(x) + log(y) + sqrt(y) - tanh(x)", "x=-0.4, y=2.5"),
    ("sigmoid(x) * gelu(x) + gelu(y)", "x=-0.8, y=1.3"),
    ("gelu(x) + tanh(y)", "x=-7, y=4"),
    ("gelu_tanh(x) * gelu(y)", "x=-0.6, y=2.5"),
    ("sum(relu(x) + leaky_relu(x) + leaky_relu(x, slope=0.3))", "x=[-1,2;3,-4]"),
    ("sum(relu(x) * x)", "x=[-1,2;3,-4]"),
    ("mean(x * y)", "x=[1,2,3;4,5,6], y=[2,1,-1;3,0.5,2]"),
    ("sum((x + r) * (x - c) / s)", "x=[1,2,3;4,5,6], r=[1,-2,0.5], c=[3;4], s=2.5"),
    ("sum(r ^ 2 * c)", "r=[1,-2,0.5], c=[3;4]"),
    ("sum(s ^ x)", "s=1.5, x=[1,2;-1,0.5]"),
    ("sum(max(x, y))", "x=[1,2;3,4], y=[2,1;2.5,7]"),
    ("sum(max(x, 0) + max(0, x))", "x=[1,-2;3,-4]"),
    ("max(x) * max(y)", "x=[1,2;3,-4], y=[-2,-1]"),
    ("sum(x @ w + b)", "x=[1,2;3,4;5,6], w=[1,-1,2;0.5,3,-2], b=[1,2,3]"),
    ("sum(matmul(x, w) ^ 2)", "x=[1,2;3,4;5,6], w=[1,-1,2;0.5,3,-2]"),
    ("sum(tanh(x @ w) @ tanh(w @ x))", "x=[0.1,0.2;0.3,-0.4], w=[1,-1;0.5,0.3]"),
    ("svm_loss(s, y)", "s=[0.3,-1.2,2.5,0.1;-0.4,0.9,0.8,-2], y=[2;0]"),
    ("svm_loss(s, [3, 1], margin=0.25)", "s=[0.3,-1.2,2.5,0.1;-0.4,0.9,0.8,-2]"),
    ("softmax_loss(s, y)", "s=[0.3,-1.2,2.5,0.1;-0.4,0.9,0.8,-2], y=[2;0]"),
    ("softmax_loss(1000 * s, 1)", "s=[0.3,0.2998]"),
    ("x - log(sum(exp(s)))", "x=1, s=[0.3,-1.2,2.5,0.1]"),
    (
        "sum(conv2d(x, w, b, height=3, width=4, channels=2, kernel=2) ^ 2)",
        "x=[1,2,3,4,5,6,7,8,-9,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5;\
         5,1,-1,1,0,2,2,1,1,3,1,1,2,2,1,0,1,1,1,-1,1,2,1,1],\
         w=[1,2;0,1;-1,1;2,0;1,1;0,-1;1,2;3,1], b=[0.5,-1]",
    ),
    (
        "sum(tanh(conv2d(x, w, height=3, width=3, kernel=3, stride=2, padding=1)))",
        "x=[1,2,3,4,-5,6,7,8,9], w=[0.1;0.2;-0.1;0.3;0.1;-0.2;0.1;0;0.2]",
    ),
    (
        "sum(conv2d(x, w, height=2, width=3, kernel_height=1, kernel_width=3, padding=2) ^ 2)",
        "x=[1,2,3,4,-5,6], w=[2,1;-1,1;0.5,3]",
    ),
    ("sum(max_pool(x, height=4, width=4) * [1,2,3,4])", "x=[1,2,3,4,5,6,7,8,9,10,11,12,16,15,14,13]"),
    (
        "sum(max_pool(x, height=3, width=3, channels=2, kernel=2, stride=1) ^ 2)",
        "x=[1,9,3,4,5,6,7,2,9,1,2,3.5,4.5,5.5,6.5,7.5,8,0]",
    ),
    (
        "sum(average_pool(x, height=4, width=5, kernel=3, stride=1) ^ 2)",
        "x=[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2]",
    ),
    (
        "sum(flatten(average_pool(x, height=2, width=2, channels=3)) @ w)",
        "x=[1,2,3,4,5,6,7,8,9,1,2,3], w=[1,2;3,4;5,6]",
    ),
    (
        // Batch normalisation of two images of two pixels with two channels, with γ and β.
        "m = channel_mean(x, channels=2); d = x - repeat(m, times=2); v = channel_mean(d ^ 2, channels=2);\
         n = d / sqrt(repeat(v, times=2) + 1e-5); sum((repeat(g, times=2) * n + repeat(b, times=2)) ^ 2 * [1,2,3,4])",
        "x=[1,5,-2,3;4,2,2,7], g=[1.5,-1], b=[0.5,0.2]",
    ),
    ("q = x + y; r = q * q; r / q + q", "x=1, y=2"),
    ("a = x * y; b = a + x; c = b * a; d = c / b; sum(d * d) - y", "x=[1,2,3], y=0.5"),
    ("0 * x + x ^ 2 + max(x, -100)", "x=0"),
];

#[test]
fn every_derivative_is_the_central_difference() {
    for (text, values) in OPERATIONS {
        let case = case(text, values);
        for node in case.graph.nodes() {
            let name = case.graph.name(node);
            match case.verdict(node) {
                Some(verdict) => assert_eq!(verdict, Verdict::Agrees, "{name} in {text}"),
                None => assert!(
                    name == "y" && text.contains("loss") || *case.graph.operation(node) != Operation::Input,
                    "no gradient by {name} in {text}"
                ),
            }
        }
    }
    // All operations were covered.
    let all: String = OPERATIONS.iter().map(|(text, _)| *text).collect();
    for (function, _) in FUNCTIONS {
        assert!(all.contains(&format!("{function}(")), "{function}");
    }
}

#[test]
fn a_planted_wrong_gradient_is_found_in_every_node() {
    for (text, values) in OPERATIONS {
        let case = case(text, values);
        for node in case.graph.nodes().filter(|&node| case.gradients.of(node).is_some()) {
            let mut wrong = case.gradients.clone();
            let numbers = wrong.values[node.place()].as_mut().unwrap().numbers_mut();
            let index = numbers.len() / 2;
            numbers[index] += 0.001 * numbers[index].abs().max(1.0);
            let checked = case.graph.check(&case.evaluation, &wrong, case.root, node).unwrap().unwrap();
            let found = matches!(checked.verdict, Verdict::Differs { index: found, .. } if found == index);
            assert!(found, "{} in {text}: {:?}", case.graph.name(node), checked.verdict);
        }
    }
}

#[test]
fn a_kink_is_reported_as_a_kink() {
    for (text, values, node, corner) in [
        ("y * relu(x)", "x=0, y=2", "x", "v1 = relu(x)"),
        ("y * relu(x)", "x=1e-6, y=2", "x", "v1 = relu(x)"),
        ("y * leaky_relu(x)", "x=-1e-6, y=2", "x", "v1 = leaky_relu(x, slope=0.01)"),
        ("sum(relu(x @ w))", "x=[1,1], w=[1,2;-1,3]", "w", "v1 = relu(v2), row 0, column 0"),
        ("h = max(x, y); h ^ 2", "x=2, y=2.000001", "y", "h = max(x, y)"),
        ("max(x)", "x=[1,3,2,3]", "x", "f = max(x)"),
        ("svm_loss(s, y)", "s=[1,5,4;9,2,1], y=[1;0]", "s", "f = svm_loss(s, y), example 0, class 2"),
        (
            "sum(max_pool(x, height=2, width=2, channels=2))",
            "x=[1,5,2,6,3,7,3,4]",
            "x",
            "v1 = max_pool(x, height=2, width=2, channels=2, kernel=2, stride=2), row 0, column 0",
        ),
    ] {
        let case = case(text, values);
        // Automatic names may be numbered differently.
        let found = case.corner(node);
        assert_eq!(found.replace("v2", "v1"), corner.replace("v2", "v1"), "{text}");
    }
}

#[test]
fn a_kink_in_one_component_does_not_excuse_another() {
    let case = case("sum(relu(x) * [1, 2, 3])", "x=[0, 1, 2]");
    let x = case.graph.node("x").unwrap();
    assert!(matches!(case.verdict(x), Some(Verdict::Kink { index: 0, .. })));
    let mut wrong = case.gradients.clone();
    wrong.values[x.place()].as_mut().unwrap().numbers_mut()[2] = -3.0;
    let checked = case.graph.check(&case.evaluation, &wrong, case.root, x).unwrap().unwrap();
    assert_eq!(
        checked.verdict,
        Verdict::Differs { index: 2, claimed: -3.0, numerical: checked.differences[2].slope }
    );
}

#[test]
fn convolution_and_pooling_by_hand() {
    let value = |text: &str, values: &str| {
        let (graph, root) = Graph::parse(text).unwrap();
        graph.evaluate(&parse_values(values).unwrap()).unwrap().value(root).clone()
    };
    // 1 2 3      1 0
    // 4 5 6  by  0 1  is  1 + 5, 2 + 6, 4 + 8, 5 + 9.
    // 7 8 9
    let x = "x=[1,2,3,4,5,6,7,8,9]";
    let conv = value("conv2d(x, [1;0;0;1], height=3, width=3, kernel=2)", x);
    assert_eq!((conv.shape(), conv.numbers()), ((1, 4), &[6.0, 8.0, 12.0, 14.0][..]));
    let conv = value("conv2d(x, [1;0;0;1], height=3, width=3, kernel=2, stride=2, padding=1)", x);
    assert_eq!(conv.numbers(), [1.0, 3.0, 7.0, 14.0]);
    // Two input channels, three output channels: the numbers of a pixel are adjacent in both.
    let conv =
        value("conv2d([1,10,2,20], [1,2,3;4,5,6], [0.5,0,0], height=1, width=2, channels=2, kernel=1)", "");
    assert_eq!(conv.numbers(), [41.5, 52.0, 63.0, 82.5, 104.0, 126.0]);
    assert_eq!(value("max_pool(x, height=3, width=3)", x).numbers(), [5.0]);
    assert_eq!(value("channel_mean([1, 10, 3, 20; 5, 30, 7, 40], channels=2)", "").numbers(), [4.0, 25.0]);
    assert_eq!(
        value("repeat([1, 2; 3, 4], times=2)", "").numbers(),
        [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]
    );
    assert_eq!(value("average_pool(x, height=3, width=3, stride=1)", x).numbers(), [3.0, 4.0, 6.0, 7.0]);
    assert_eq!(
        value("max_pool([1,-1,2,-2,3,-3,4,-4], height=2, width=2, channels=2)", "").numbers(),
        [4.0, -1.0]
    );
}

#[test]
fn nan_propagates() {
    for text in
        ["relu(x)", "leaky_relu(x)", "max(x, 1)", "max(1, x)", "max([1, 2] * x)", "svm_loss([1, 2] * x, 0)"]
    {
        let case = case(text, "x=1");
        let x = case.graph.node("x").unwrap();
        let again = case.graph.evaluate_again(&case.evaluation, x, Value::scalar(f64::NAN)).unwrap();
        assert!(again.value(case.root).numbers()[0].is_nan(), "{text}");
    }
    let case = case("log(x) * sqrt(x)", "x=0");
    assert!(case.gradient("x")[0].is_nan());
}

#[test]
fn constants_and_classes_have_no_gradient_and_what_does_not_matter_has_zeros() {
    let case = case("c = 2 + 3; unused = x * y; svm_loss(c * s, y) + 0 * z", "x=[1,2], y=1, s=[1,2], z=4");
    let gradient = |name: &str| case.gradients.of(case.graph.node(name).unwrap());
    assert!(gradient("c").is_none() && gradient("y").is_none());
    assert_eq!(
        (case.gradient("x"), case.gradient("unused"), case.gradient("z")),
        (&[0.0, 0.0][..], &[0.0, 0.0][..], &[0.0][..])
    );
    assert_eq!(case.gradient("s"), [0.0, 0.0]);
}

#[test]
fn a_drawing_is_well_formed_whatever_the_names_are() {
    let case = case("q = x + y'; sum(max(q, 1) * [1, 2; 3, -4] @ [1; 1]) + q ^ 2 * q", "x=1, y'=2");
    let svg = case.graph.svg(&case.evaluation, &case.gradients, case.root).unwrap();
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
    let mut graph = Graph::new();
    let x = graph.input("<x> & \"y\"");
    let f = graph.relu(x);
    let values = Values::from([("<x> & \"y\"".to_owned(), Value::scalar(1.0))]);
    let evaluation = graph.evaluate(&values).unwrap();
    let gradients = graph.gradients(&evaluation, f).unwrap();
    let svg = graph.svg(&evaluation, &gradients, f).unwrap();
    assert!(svg.contains("&lt;x&gt; &amp; &quot;y&quot;") && !svg.contains("<x>"), "{svg}");
    assert!(graph.dot(&evaluation, &gradients, f).contains("<x> & \\\"y\\\""));
}

#[test]
fn automatic_names_give_way_to_explicit_ones() {
    let mut graph = Graph::new();
    let x = graph.input("x");
    let a = graph.relu(x);
    assert_eq!(graph.name(a), "v1");
    let b = graph.input("v1");
    let c = graph.add(a, b);
    graph.set_name(c, "c");
    let d = graph.relu(c);
    assert_eq!([a, b, c, d].map(|node| graph.name(node).to_owned()), ["v2", "v1", "c", "v3"]);
    assert_eq!((graph.node("v1"), graph.node("v2"), graph.input("x")), (Some(b), Some(a), x));
    let names: Vec<&str> = graph.inputs().map(|input| graph.name(input)).collect();
    assert_eq!(names, ["x", "v1"]);
}

#[test]
fn a_node_of_many_numbers_is_checked_in_part() {
    let (graph, root) = Graph::parse("mean(x ^ 2)").unwrap();
    let x = graph.node("x").unwrap();
    let numbers: Vec<f64> = (0..100_000).map(|i| f64::from(i % 100)).collect();
    let values = Values::from([("x".to_owned(), Value::row(numbers))]);
    let evaluation = graph.evaluate(&values).unwrap();
    let gradients = graph.gradients(&evaluation, root).unwrap();
    let checked = graph.check(&evaluation, &gradients, root, x).unwrap().unwrap();
    assert_eq!(checked.verdict, Verdict::Agrees);
    let count = checked.differences.len();
    assert!((100..10_000).contains(&count), "{count}");
    // They are spread over the whole node.
    assert!(checked.differences[0].index == 0 && checked.differences[count - 1].index > 99_000);
}
