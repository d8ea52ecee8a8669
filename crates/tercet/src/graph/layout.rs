//! Graph drawing: layers from left to right, few crossings, and edges that do not run through nodes.
//!
//! This is Sugiyama's method (1981). Nodes are assigned to layers, and an edge that spans several layers gets a dummy
//! node in each. Each layer is ordered by the mean position of its nodes' neighbours. Then every node is moved as close
//! to its neighbours as order and spacing allow.

use super::{Graph, NodeId};

/// The size of a node's box including the text around it.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub width: f64,
    pub height: f64,
}

/// The centre of each node and the route of each edge.
pub(super) struct Layout {
    /// Per node.
    pub centres: Vec<(f64, f64)>,
    /// Per node, where its layer begins and ends.
    pub spans: Vec<(f64, f64)>,
    pub edges: Vec<Edge>,
    pub width: f64,
    pub height: f64,
}

pub(super) struct Edge {
    pub from: NodeId,
    pub to: NodeId,
    /// Which operand of `to` it is.
    pub operand: usize,
    /// The height at which the edge passes each layer in between, and where that layer begins and ends.
    pub passes: Vec<((f64, f64), f64)>,
}

/// Space between layers, between nodes of a layer, and around the drawing.
const BETWEEN_LAYERS: f64 = 76.0;
const BETWEEN_NODES: f64 = 14.0;
const AROUND: f64 = 20.0;

/// An entry of a layer: a node, or a dummy node of an edge.
struct Place {
    layer: usize,
    height: f64,
    before: Vec<usize>,
    after: Vec<usize>,
    y: f64,
}

/// Lays out a graph whose nodes have the given sizes.
pub(super) fn layout(graph: &Graph, sizes: &[Size]) -> Layout {
    let layers_of = layers(graph);
    let mut places: Vec<Place> = (sizes.iter().zip(&layers_of))
        .map(|(size, &layer)| Place { layer, height: size.height, before: vec![], after: vec![], y: 0.0 })
        .collect();
    // An edge over several layers becomes a chain of short edges.
    let mut edges: Vec<(NodeId, NodeId, usize, Vec<usize>)> = Vec::new();
    for to in graph.nodes() {
        for (operand, &from) in graph.operands(to).iter().enumerate() {
            let (mut last, mut passes) = (from.0, Vec::new());
            for layer in layers_of[from.0] + 1..layers_of[to.0] {
                places.push(Place { layer, height: 0.0, before: vec![last], after: vec![], y: 0.0 });
                let pass = places.len() - 1;
                places[last].after.push(pass);
                passes.push(pass);
                last = pass;
            }
            places[last].after.push(to.0);
            places[to.0].before.push(last);
            edges.push((from, to, operand, passes));
        }
    }
    let count = layers_of.iter().max().map_or(0, |last| last + 1);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, place) in places.iter().enumerate() {
        layers[place.layer].push(i);
    }
    order(&places, &mut layers);
    settle(&mut places, &layers);

    // Layers are as wide as their widest node.
    let mut spans = Vec::with_capacity(count);
    let mut x = AROUND;
    for layer in &layers {
        let widths = layer.iter().filter_map(|&i| sizes.get(i)).map(|size| size.width);
        let width = widths.fold(0.0, f64::max);
        spans.push((x, x + width));
        x += width + BETWEEN_LAYERS;
    }
    let top = places.iter().map(|p| p.y - p.height / 2.0).fold(f64::INFINITY, f64::min);
    let bottom = places.iter().map(|p| p.y + p.height / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let span = |i: usize| spans[places[i].layer];
    let height = |i: usize| places[i].y - top + AROUND;
    Layout {
        centres: (0..sizes.len()).map(|i| (span(i).0.midpoint(span(i).1), height(i))).collect(),
        spans: (0..sizes.len()).map(span).collect(),
        edges: edges
            .into_iter()
            .map(|(from, to, operand, passes)| Edge {
                from,
                to,
                operand,
                passes: passes.into_iter().map(|i| (span(i), height(i))).collect(),
            })
            .collect(),
        width: x - BETWEEN_LAYERS + AROUND,
        height: bottom - top + 2.0 * AROUND,
    }
}

/// The layer of each node: after all its operands; nodes without operands go right before their first use.
fn layers(graph: &Graph) -> Vec<usize> {
    let mut layers = vec![0; graph.nodes().len()];
    for node in graph.nodes() {
        layers[node.0] = graph.operands(node).iter().map(|o| layers[o.0] + 1).max().unwrap_or(0);
    }
    let mut first_use = vec![usize::MAX; layers.len()];
    for node in graph.nodes() {
        for operand in graph.operands(node) {
            first_use[operand.0] = first_use[operand.0].min(layers[node.0]);
        }
    }
    for node in graph.nodes().filter(|&node| graph.operands(node).is_empty()) {
        if first_use[node.0] != usize::MAX {
            layers[node.0] = first_use[node.0] - 1;
        }
    }
    layers
}

/// Orders each layer by the mean position of the neighbours in the adjacent layer, sweeping back and forth, and keeps
/// the order with the fewest crossings.
fn order(places: &[Place], layers: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(places, layers), layers.clone());
    for sweep in 0..12 {
        let forward = sweep % 2 == 0;
        let indices: Vec<usize> = match forward {
            true => (1..layers.len()).collect(),
            false => (0..layers.len().saturating_sub(1)).rev().collect(),
        };
        for l in indices {
            let beside = &layers[if forward { l - 1 } else { l + 1 }];
            let mut rank = vec![0.0; places.len()];
            beside.iter().enumerate().for_each(|(r, &i)| rank[i] = r as f64);
            let mut keyed: Vec<(f64, usize)> = (layers[l].iter().enumerate())
                .map(|(r, &i)| {
                    let neighbours = if forward { &places[i].before } else { &places[i].after };
                    let sum: f64 = neighbours.iter().map(|&n| rank[n]).sum();
                    // A node without neighbours on that side keeps its position.
                    let own = r as f64 * beside.len() as f64 / layers[l].len() as f64;
                    (if neighbours.is_empty() { own } else { sum / neighbours.len() as f64 }, i)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            layers[l] = keyed.into_iter().map(|(_, i)| i).collect();
        }
        let found = crossings(places, layers);
        if found < best.0 {
            best = (found, layers.clone());
        }
    }
    *layers = best.1;
}

/// The number of crossings between edges of adjacent layers.
fn crossings(places: &[Place], layers: &[Vec<usize>]) -> usize {
    let mut rank = vec![0; places.len()];
    layers.iter().for_each(|layer| layer.iter().enumerate().for_each(|(r, &i)| rank[i] = r));
    let mut count = 0;
    for layer in layers {
        let edges: Vec<(usize, usize)> = layer
            .iter()
            .flat_map(|&i| places[i].after.iter().map(move |&a| (i, a)))
            .map(|(i, a)| (rank[i], rank[a]))
            .collect();
        for (n, a) in edges.iter().enumerate() {
            count += edges[n + 1..]
                .iter()
                .filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1))
                .count();
        }
    }
    count
}

/// Moves each node towards the mean of its neighbours, layer by layer, sweeping back and forth.
fn settle(places: &mut [Place], layers: &[Vec<usize>]) {
    for sweep in 0..24 {
        let indices: Vec<usize> =
            if sweep % 2 == 0 { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for l in indices {
            let wanted: Vec<f64> = (layers[l].iter())
                .map(|&i| {
                    let Place { before, after, y, .. } = &places[i];
                    let neighbours = before.iter().chain(after);
                    let count = before.len() + after.len();
                    if count == 0 { *y } else { neighbours.map(|&n| places[n].y).sum::<f64>() / count as f64 }
                })
                .collect();
            // The minimum distance of each node below the first.
            let mut offsets = vec![0.0];
            for pair in layers[l].windows(2) {
                let apart = (places[pair[0]].height + places[pair[1]].height) / 2.0 + BETWEEN_NODES;
                offsets.push(offsets[offsets.len() - 1] + apart);
            }
            let free: Vec<f64> = wanted.iter().zip(&offsets).map(|(w, o)| w - o).collect();
            for ((&i, y), offset) in layers[l].iter().zip(nearest_ascending(&free)).zip(offsets) {
                places[i].y = y + offset;
            }
        }
    }
}

/// The least-squares fit of an ascending sequence to the targets: neighbours in the wrong order are replaced by their
/// mean.
fn nearest_ascending(wanted: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for &w in wanted {
        let (mut sum, mut count) = (w, 1);
        while let Some(&(before, of)) = blocks.last().filter(|(s, n)| s / *n as f64 > sum / count as f64) {
            (sum, count) = (sum + before, count + of);
            blocks.pop();
        }
        blocks.push((sum, count));
    }
    blocks.into_iter().flat_map(|(sum, count)| std::iter::repeat_n(sum / count as f64, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_numbers_stay_and_others_are_averaged() {
        assert_eq!(nearest_ascending(&[1.0, 2.0, 5.0]), [1.0, 2.0, 5.0]);
        assert_eq!(nearest_ascending(&[3.0, 1.0, 5.0, 4.0, 0.0]), [2.0, 2.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn no_two_nodes_of_a_drawing_overlap_and_edges_go_to_the_right() {
        let (graph, _) = Graph::parse(
            "a = x + y; b = a * z; c = b - x; d = max(c, y) * a; d / (x + z) + log(d ^ 2) + tanh(a * b * c)",
        )
        .unwrap();
        let sizes = vec![Size { width: 60.0, height: 50.0 }; graph.nodes().len()];
        let layout = layout(&graph, &sizes);
        for (i, a) in layout.centres.iter().enumerate() {
            for b in &layout.centres[i + 1..] {
                assert!((a.0 - b.0).abs() >= 60.0 || (a.1 - b.1).abs() >= 50.0 - 1e-9, "{a:?} on {b:?}");
            }
            assert!(
                (30.0..layout.width - 30.0).contains(&a.0) && (25.0..layout.height - 25.0).contains(&a.1)
            );
        }
        for edge in &layout.edges {
            let spans = [layout.spans[edge.from.0]].into_iter().chain(edge.passes.iter().map(|pass| pass.0));
            let spans: Vec<(f64, f64)> = spans.chain([layout.spans[edge.to.0]]).collect();
            assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{spans:?}");
            // No node may stand where an edge passes a layer.
            for (span, y) in &edge.passes {
                let here = layout.centres.iter().zip(&layout.spans).filter(|(_, of)| *of == span);
                assert!(here.into_iter().all(|(centre, _)| (centre.1 - y).abs() >= 25.0), "{y}");
            }
        }
    }

    #[test]
    fn avoidable_crossings_are_avoided() {
        let (graph, _) = Graph::parse("(a + b) * (c + d) + (e + f1) * (g + h)").unwrap();
        let sizes = vec![Size { width: 60.0, height: 50.0 }; graph.nodes().len()];
        let layout = layout(&graph, &sizes);
        let ends: Vec<_> =
            layout.edges.iter().map(|e| (layout.centres[e.from.0], layout.centres[e.to.0])).collect();
        for (i, a) in ends.iter().enumerate() {
            for b in ends[i + 1..].iter().filter(|b| b.0.0 == a.0.0 && b.1.0 == a.1.0) {
                assert!((a.0.1 - b.0.1) * (a.1.1 - b.1.1) >= 0.0, "{a:?} crosses {b:?}");
            }
        }
    }
}
