//! Valid and invalid expressions.

use proptest::prelude::*;

use super::super::*;
use super::case;

fn value(text: &str) -> f64 {
    let (graph, root) = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    graph.evaluate(&Values::new()).unwrap().value(root).as_scalar().unwrap()
}

/// The column of the caret, what was found and what was expected.
fn refusal(text: &str) -> (usize, String, String) {
    match Graph::parse(text) {
        Err(Error::Expression { column, found, expected, .. }) => (column, found, expected),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn operators_bind_as_on_paper() {
    for (text, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("8 - 3 - 2", 3.0),
        ("8 / 4 / 2", 1.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("2 ** 3 ** 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("2 * -3", -6.0),
        ("- - 3", 3.0),
        ("+3", 3.0),
        ("1.5e1 + .5", 15.5),
        ("2 × 3 − 4 ÷ 2 · 5", -4.0),
        ("a = 3; b = a * a; b - a;", 6.0),
        ("a = 3\nb = a + 1\nb", 4.0),
        ("sum([1, 2; 3, 4] @ [1; 1])", 10.0),
        ("max(3, 4) + max([1, 9, 2])", 13.0),
        ("mean([1, 2; -3, +4])", 1.0),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn the_last_statement_is_the_function_and_is_called_f() {
    let name = |text: &str| {
        let (graph, root) = Graph::parse(text).unwrap();
        graph.name(root).to_owned()
    };
    assert_eq!(["x + y", "q = x + y", "f + 1", "x", "a = x * 2; a"].map(name), ["f", "q", "v1", "x", "a"]);
    // Another name for the same node is only an alias.
    let case = case("a = x; b = a * 2; c = b; c + a", "x=3");
    assert_eq!((case.gradient("x"), case.graph.name(case.root)), (&[3.0][..], "f"));
}

#[test]
fn errors_point_at_the_character() {
    for (text, column, found, expected) in [
        ("(x + y) * * z", 10, "`*`", "a number, a name, `(`, `[` or `-`"),
        ("(x + y", 6, "the end", "`)` or an operator"),
        ("x + y)", 5, "`)`", "an operator, `;` or the end"),
        ("x +", 3, "the end", "a number, a name, `(`, `[` or `-`"),
        ("2x", 1, "`x`", "an operator, such as `*` for a product"),
        ("(x y)", 3, "`y`", "an operator, such as `*` for a product"),
        ("x(y)", 0, "x(…), which is not a function", "x * (…), or one of relu,"),
        ("relu", 4, "the end", "`(`, as relu is a function: relu(x)"),
        ("relu(x, y)", 0, "relu with 2 arguments", "relu(x)"),
        ("relu()", 0, "relu with 0 arguments", "relu(x)"),
        ("relu(x y)", 7, "`y`", "an operator"),
        ("max(x, y, z)", 0, "max with 3 arguments", "max(x, [y])"),
        ("relu(x, slope=2)", 8, "slope, which relu has not", "relu(x)"),
        ("x + y = z", 6, "`=`", "only a single name may stand before `=`"),
        ("sum = 3", 0, "the function sum", "another name"),
        ("q = 1; q = 2", 7, "q, which is already defined", "a new name"),
        ("f = q; q = 2", 7, "q, which is already defined", "a new name"),
        ("q = q + 1", 4, "q in its own definition", "other names"),
        ("x ? y", 2, "`?`", "a number, a name, or one of"),
        ("1.2.3", 0, "`1.2.3`", "a number, such as 2"),
        ("x ^ 1e999", 4, "`1e999`", "a number of at most 1.8e308"),
        ("[1, 2; 3]", 8, "a row of 1", "2, as in the rows above"),
        ("[1, x]", 4, "`x`", "a number of the matrix"),
        ("[]", 1, "`]`", "a number of the matrix"),
        ("", 0, "the end", "an expression, such as (x + y) * z"),
        (" ; ;", 4, "the end", "an expression"),
        ("svm_loss(s, y, margin=-1)", 15, "a margin of -1", "a finite number above 0"),
        ("conv2d(x, w, height=3)", 0, "conv2d without width", "width=…, an integer"),
        ("conv2d(x, w, height=3, width=1.5, kernel=1)", 23, "width=1.5", "an integer from 1 to 1000000"),
        (
            "max_pool(x, height=4, width=4, padding=1)",
            31,
            "padding, which max_pool has not",
            "max_pool(x, height",
        ),
    ] {
        let (at, what, wanted) = refusal(text);
        assert_eq!(at, column, "{text}: {what}");
        assert!(what.contains(found) && wanted.contains(expected), "{text}: {what}; {wanted}");
    }
}

#[test]
fn a_long_line_is_truncated_around_the_error_and_the_caret_stays_aligned() {
    let text = format!("{} + ? + {}", "x + ".repeat(100), "x + ".repeat(100));
    let error = Graph::parse(&text).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{error}");
    assert_eq!(lines[1].chars().nth(lines[2].chars().count() - 1), Some('?'), "{error}");

    let error = Graph::parse("a = 1\nb = a\t+ \u{1b}[31m").unwrap_err().to_string();
    assert!(error.contains("\n  b = a + \u{fffd}[31m\n          ^\n"), "{error}");
    assert!(!error.contains('\u{1b}'));
}

#[test]
fn shapes_that_do_not_fit_point_at_the_operator() {
    for (text, values, column, found) in [
        (
            "sum(x @ y)",
            "x=[1,2,3], y=[1,2]",
            6,
            "matrix A with dimensions (1, 3), matrix B with dimensions (1, 2)",
        ),
        ("sum(x + y)", "x=[1,2,3], y=[1,2]", 6, "dimensions (1, 3) and (1, 2)"),
        (
            "svm_loss(s, y)",
            "s=[1,2;3,4], y=1",
            0,
            "scores with dimensions (2, 2) and classes with dimensions (1, 1)",
        ),
        ("svm_loss(s, y)", "s=[1,2], y=2", 0, "the class 2"),
        ("svm_loss(s, y)", "s=[1,2], y=0.5", 0, "the class 0.5"),
        ("svm_loss(s, y)", "s=[1,2], y=-1", 0, "the class -1"),
        ("1 + max_pool(x, height=2, width=2)", "x=[1,2,3]", 4, "images of 3 numbers"),
        (
            "1 + conv2d(x, w, height=1, width=3, kernel=1)",
            "x=[1,2,3], w=[1;2]",
            4,
            "weights with dimensions (2, 1)",
        ),
        (
            "conv2d(x, w, b, height=1, width=3, kernel=1)",
            "x=[1,2,3], w=2, b=[1,2]",
            0,
            "biases with dimensions (1, 2)",
        ),
        ("conv2d(x, w, height=1, width=3, kernel=2)", "x=[1,2,3], w=[1;2;3;4]", 0, "a window of 2 × 2"),
        ("1 + channel_mean(x, channels=2)", "x=[1,2,3]", 4, "images of 3 numbers"),
        ("1 + (x + 1)", "x=[1,2]", 2, "f with dimensions (1, 2)"),
    ] {
        let (graph, root) = Graph::parse(text).unwrap();
        let evaluated = graph.evaluate(&parse_values(values).unwrap());
        match evaluated.and_then(|evaluation| graph.gradients(&evaluation, root)) {
            Err(Error::Expression { column: at, found: what, .. }) => {
                assert!(at == column && what.contains(found), "{text}: {at}, {what}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn variables_and_values_must_match() {
    let (graph, _) = Graph::parse("(x + y) * z").unwrap();
    let error = |values: &str| graph.evaluate(&parse_values(values).unwrap()).unwrap_err().to_string();
    assert_eq!(
        error("y=1"),
        "values of the variables: found none for x, z; expected one for each of x, y, z"
    );
    assert!(error("x=1, y=2, z=3, w=4").contains("found one for w, which the expression does not use"));
    for (text, column, expected) in [
        ("x", 1, "`=` and the value of x"),
        ("x=", 2, "a number, or a matrix"),
        ("x=2y=3", 3, "`,` and the next value, or the end"),
        ("x=1,x=2", 4, "one"),
        ("3=x", 0, "the name of a variable"),
        ("x=[1,2", 6, "`,` and a number, `;` and a row, or `]`"),
        ("x=a", 2, "a number, or a matrix"),
    ] {
        match parse_values(text) {
            Err(Error::Expression { column: at, expected: wanted, .. }) => {
                assert!(at == column && wanted.contains(expected), "{text}: {at}, {wanted}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn no_text_overflows_the_stack() {
    let deep = |open: &str, middle: &str, close: &str, n: usize| {
        format!("{}{middle}{}", open.repeat(n), close.repeat(n))
    };
    for (open, middle, close) in [
        ("(", "x", ")"),
        ("-", "x", ""),
        ("+", "x", ""),
        ("2^", "x", ""),
        ("relu(", "x", ")"),
        ("2^-(", "x", ")"),
    ] {
        let error = Graph::parse(&deep(open, middle, close, 100_000)).unwrap_err().to_string();
        assert!(error.contains("found more than 200 levels of nesting"), "{error}");
        assert!(Graph::parse(&deep(open, middle, close, 60)).is_ok(), "{open}");
    }
    // A long but shallow expression is limited only by its number of nodes.
    assert!(Graph::parse(&format!("x{}", " + x".repeat(9_000))).is_ok());
    let error = Graph::parse(&format!("x{}", " + x".repeat(20_000))).unwrap_err().to_string();
    assert!(error.contains("at most 10,000 operations"), "{error}");
    let error = Graph::parse(&"x".repeat(2 << 20)).unwrap_err().to_string();
    assert!(error.contains("2,097,152 bytes"), "{error}");
}

#[test]
fn no_text_takes_all_memory_or_time() {
    let column = format!("[{}1]", "1;".repeat(6_000));
    let row = format!("[{}1]", "1,".repeat(6_000));
    let refused = |text: &str| {
        let (graph, _) = Graph::parse(text).unwrap();
        graph.evaluate(&Values::new()).unwrap_err().to_string()
    };
    let error = refused(&format!("sum({column} @ {row})"));
    assert!(error.contains("a matrix with dimensions (6001, 6001)"), "{error}");
    let error = refused(&format!("sum({column} + {row})"));
    assert!(error.contains("at most 33,554,432 numbers"), "{error}");
    let error = refused("conv2d(1, 1, height=1, width=1, kernel=1, padding=1000000)");
    assert!(error.contains("at most 33,554,432 numbers"), "{error}");

    // A 300 × 300 window over padding: few numbers, but much work.
    let w = format!("[{}1]", "1;".repeat(89_999));
    let error = refused(&format!("conv2d(1, {w}, height=1, width=1, kernel=300, padding=900)"));
    assert!(error.contains("at most 1e11 in all nodes"), "{error}");

    // Huge exponents are valid.
    assert_eq!(value("9 ^ 9 ^ 9 ^ 9"), f64::INFINITY);
    assert_eq!(value("0.5 ^ 1e300"), 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_causes_a_panic(words in proptest::collection::vec(prop_oneof![
        Just("x"), Just("y"), Just("q ="), Just("1"), Just("2.5e-3"), Just("+"), Just("-"), Just("*"), Just("/"), Just("^"),
        Just("@"), Just("("), Just(")"), Just("["), Just("]"), Just(","), Just(";"), Just("\n"), Just("="), Just("relu("),
        Just("max("), Just("svm_loss("), Just("sum"), Just("height=2"), Just("kernel=1"), Just("max_pool("), Just("é"), Just("−"),
        Just("\u{0}"), Just("[1,2;3,4]"), Just("conv2d(x, y, height=1, width=1, kernel=1)"),
    ], 0..16)) {
        let text = words.join(" ");
        let _ = parse_values(&text);
        if let Ok((graph, root)) = Graph::parse(&text) {
            for value in [Value::scalar(0.0), Value::new(2, 2, vec![1.0, -2.0, 0.0, f64::NAN]).unwrap()] {
                let values = graph.inputs().map(|input| (graph.name(input).to_owned(), value.clone())).collect();
                let Ok(evaluation) = graph.evaluate(&values) else { continue };
                let mut steps = String::new();
                let Ok(gradients) = graph.gradients_with(&evaluation, root, &mut |step| steps += &step.to_string())
                else { continue };
                for node in graph.nodes() {
                    let _ = graph.check(&evaluation, &gradients, root, node);
                }
                let _ = graph.svg(&evaluation, &gradients, root).unwrap().len() + graph.dot(&evaluation, &gradients, root).len();
            }
        }
    }
}
