//! A slower model with the same answers, to test the detection of slow models.

use prost::Message as _;

use crate::onnx::{ModelProto, NodeProto, OUTPUT, TensorProto};

/// The same model with `times` additional products of zeros with one of its square matrices. They add 0 to its scores.
///
/// # Errors
/// The file is not a model of these trainers, or has no square matrix.
pub fn weigh_down(onnx: &[u8], products: usize) -> Result<Vec<u8>, String> {
    let mut model = ModelProto::decode(onnx).map_err(|error| format!("no model: {error}"))?;
    let graph = model.graph.as_mut().ok_or("a model without a graph")?;
    let square =
        |tensor: &&TensorProto| matches!(tensor.dims[..], [rows, columns] if rows == columns && rows > 1);
    let matrix = graph.initializer.iter().filter(square).max_by_key(|tensor| tensor.raw_data.len());
    let matrix = matrix.ok_or("a model without a square matrix")?.name.clone();
    let last = graph.node.iter_mut().flat_map(|node| &mut node.output).find(|output| *output == OUTPUT);
    let light = "light_scores".to_owned();
    last.ok_or("a model without scores")?.clone_from(&light);
    let mut node = |op: &str, inputs: [&str; 2], output: &str| {
        graph.node.push(NodeProto {
            input: inputs.map(str::to_owned).to_vec(),
            output: vec![output.to_owned()],
            name: format!("weighed_{output}"),
            op_type: op.to_owned(),
        });
    };
    // The zeros come first: their products with any matrix stay finite.
    let mut weight = "nothing".to_owned();
    node("Mul", [&light, "weightless"], &weight);
    for at in 0..products {
        let next = format!("weight_{at}");
        node("MatMul", [&weight, &matrix], &next);
        weight = next;
    }
    node("Add", [&light, &weight], OUTPUT);
    graph.initializer.push(TensorProto {
        dims: vec![1],
        data_type: 1,
        name: "weightless".to_owned(),
        raw_data: 0.0_f32.to_le_bytes().to_vec(),
    });
    Ok(model.encode_to_vec())
}
