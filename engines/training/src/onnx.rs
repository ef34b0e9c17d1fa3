//! ONNX files by a small protobuf writer: the subset of `onnx.proto` that these models need (IR version 8, opset 13).

use prost::Message;

use crate::{Ease, Ials, Popularity};

/// Conjugate gradient steps for a member's embedding. The regulariser makes the system well conditioned: after eight steps
/// the error is too small to change a ranking.
const STEPS: usize = 8;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSetId>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<StringEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetId {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringEntry {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(crate) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(oneof = "Extent", tags = "1, 2")]
    pub(crate) extent: Option<Extent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Extent {
    #[prost(int64, tag = "1")]
    Value(i64),
    #[prost(string, tag = "2")]
    Param(String),
}

/// The output's name.
pub(crate) const OUTPUT: &str = "scores";

const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A graph under construction.
#[derive(Default)]
struct Graph {
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
}

impl Graph {
    fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push(TensorProto {
            dims: signed(dims),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data,
        });
        name.to_owned()
    }

    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = signed(&[values.len()]);
        self.tensors.push(TensorProto { dims, data_type: INT64, name: name.to_owned(), raw_data });
        name.to_owned()
    }

    fn op(&mut self, op: &str, inputs: &[&str]) -> String {
        let name = format!("{}_{}", op.to_lowercase(), self.nodes.len());
        self.named(op, inputs, &name)
    }

    fn named(&mut self, op: &str, inputs: &[&str], output: &str) -> String {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: op.to_owned(),
        });
        output.to_owned()
    }

    fn finish(self, items: usize, algorithm: &str) -> Vec<u8> {
        let model = ModelProto {
            ir_version: 8,
            producer_name: "troupe".to_owned(),
            graph: Some(GraphProto {
                node: self.nodes,
                name: algorithm.to_owned(),
                initializer: self.tensors,
                input: vec![matrix("history", items)],
                output: vec![matrix(OUTPUT, items)],
            }),
            opset_import: vec![OperatorSetId { domain: String::new(), version: 13 }],
            metadata_props: vec![StringEntry { key: "algorithm".into(), value: algorithm.to_owned() }],
        };
        model.encode_to_vec()
    }
}

fn matrix(name: &str, items: usize) -> ValueInfo {
    let dim = vec![
        Dimension { extent: Some(Extent::Param("batch".to_owned())) },
        Dimension { extent: Some(Extent::Value(i64::try_from(items).unwrap_or(i64::MAX))) },
    ];
    let tensor_type = Some(TensorType { elem_type: FLOAT, shape: Some(Shape { dim }) });
    ValueInfo { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

fn signed(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect()
}

/// A model that can be written as ONNX.
pub trait Export {
    /// The file's bytes.
    fn to_onnx(&self) -> Vec<u8>;
}

impl Export for Ease {
    fn to_onnx(&self) -> Vec<u8> {
        let mut graph = Graph::default();
        let weights = graph.floats("weights", &[self.items, self.items], &self.weights);
        graph.named("MatMul", &["history", &weights], OUTPUT);
        graph.finish(self.items, "ease")
    }
}

impl Export for Popularity {
    fn to_onnx(&self) -> Vec<u8> {
        let items = self.counts.len();
        let mut graph = Graph::default();
        let counts = graph.floats("counts", &[1, items], &self.counts);
        let zero = graph.floats("zero", &[1], &[0.0]);
        let nothing = graph.op("Mul", &["history", &zero]);
        graph.named("Add", &[&nothing, &counts], OUTPUT);
        graph.finish(items, "popularity")
    }
}

impl Export for Ials {
    /// A member's embedding is solved for in the graph, by conjugate gradients from zero (Hestenes and Stiefel 1952), on
    /// the same system as in training.
    fn to_onnx(&self) -> Vec<u8> {
        let (d, items, parameters) = (self.parameters.dimensions, self.items, self.parameters);
        let mut graph = Graph::default();
        let y = graph.floats("contents", &[items, d], &self.embeddings);
        let mut transposed = vec![0.0; d * items];
        for (item, row) in self.embeddings.chunks_exact(d).enumerate() {
            row.iter().enumerate().for_each(|(at, value)| transposed[at * items + item] = *value);
        }
        let yt = graph.floats("contents_transposed", &[d, items], &transposed);
        let scaled: Vec<f32> = self.gram.iter().map(|value| value * parameters.alpha).collect();
        let gram = graph.floats("gram", &[d, d], &scaled);
        #[allow(clippy::cast_precision_loss, reason = "a count of contents")]
        let background = graph.floats("background", &[1], &[parameters.alpha * items as f32]);
        let regularisation = graph.floats("regularisation", &[1], &[parameters.regularisation]);
        let tiny = graph.floats("tiny", &[1], &[1e-20]);
        let axis = graph.integers("axis", &[1]);
        let count = graph.op("ReduceSum", &["history", &axis]);
        let weight = graph.op("Add", &[&count, &background]);
        let ridge = graph.op("Mul", &[&weight, &regularisation]);
        let right = graph.op("MatMul", &["history", &y]);
        let mut residual = right.clone();
        let mut direction = right;
        let mut norm = square_sum(&mut graph, &residual, &axis);
        let mut member: Option<String> = None;
        for _ in 0..STEPS {
            let scores = graph.op("MatMul", &[&direction, &yt]);
            let masked = graph.op("Mul", &[&scores, "history"]);
            let seen = graph.op("MatMul", &[&masked, &y]);
            let unseen = graph.op("MatMul", &[&direction, &gram]);
            let ridged = graph.op("Mul", &[&direction, &ridge]);
            let both = graph.op("Add", &[&seen, &unseen]);
            let image = graph.op("Add", &[&both, &ridged]);
            let product = graph.op("Mul", &[&direction, &image]);
            let curvature = graph.op("ReduceSum", &[&product, &axis]);
            // For an empty history the quotient is zero over almost zero, which stays zero.
            let curvature = graph.op("Add", &[&curvature, &tiny]);
            let step = graph.op("Div", &[&norm, &curvature]);
            let moved = graph.op("Mul", &[&direction, &step]);
            member = Some(match member {
                Some(member) => graph.op("Add", &[&member, &moved]),
                None => moved,
            });
            let reduced = graph.op("Mul", &[&image, &step]);
            residual = graph.op("Sub", &[&residual, &reduced]);
            let next = square_sum(&mut graph, &residual, &axis);
            let guarded = graph.op("Add", &[&norm, &tiny]);
            let turn = graph.op("Div", &[&next, &guarded]);
            let kept = graph.op("Mul", &[&direction, &turn]);
            direction = graph.op("Add", &[&residual, &kept]);
            norm = next;
        }
        let member = member.unwrap_or(direction);
        graph.named("MatMul", &[&member, &yt], OUTPUT);
        graph.finish(items, "ials")
    }
}

fn square_sum(graph: &mut Graph, of: &str, axis: &str) -> String {
    let squares = graph.op("Mul", &[of, of]);
    graph.op("ReduceSum", &[&squares, axis])
}
