//! Graphs that are read back, and those that are not.

use super::super::tests::{error, exported, small};
use super::super::{Numbers, export, import};
use super::proto::{AttributeProto, INT, NodeProto};
use super::*;
use std::fs;

/// What is changed of a graph.
type Change = fn(&mut GraphProto);

/// What is wrong with the files of a small model where one of the two was changed; none if nothing is.
fn refusal(file: &str, change: impl FnOnce(&mut ModelProto)) -> Option<String> {
    let here = exported(&small(), Format::Onnx);
    let path = here.path().join(file);
    let mut proto = ModelProto::decode(&*fs::read(&path).unwrap()).unwrap();
    change(&mut proto);
    fs::write(&path, proto.encode_to_vec()).unwrap();
    import(here.path()).err().map(|error| error.to_string())
}

/// The same of its graph.
fn refused(file: &str, change: impl FnOnce(&mut GraphProto)) -> String {
    refusal(file, |proto| change(proto.graph.as_mut().unwrap())).expect("it is another network")
}

fn node<'a>(graph: &'a mut GraphProto, operator: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.op_type == operator).unwrap()
}

fn tensor<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut TensorProto {
    graph.initializer.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

#[test]
fn another_network_is_refused() {
    let [encoder, decoder] = FILES;
    let said = refused(encoder, |graph| node(graph, "Relu").op_type = "Tanh".to_owned());
    assert!(said.ends_with("of its graph is Tanh, where export writes Relu"), "{said}");
    let changes: [(&str, &str, Change); 10] = [
        (encoder, "is not as export writes it", |graph| node(graph, "Conv").attribute[1].ints = vec![1, 1]),
        (encoder, "is not as export writes it", |graph| {
            let extra = AttributeProto { name: "transA".to_owned(), i: Some(1), ints: Vec::new(), r#type: Some(INT) };
            node(graph, "Gemm").attribute.push(extra);
        }),
        (encoder, "is not as export writes it", |graph| node(graph, "Relu").domain = "mine".to_owned()),
        (encoder, "is not as export writes it", |graph| node(graph, "Relu").input[0] = "image".to_owned()),
        (decoder, "goes on with Relu", |graph| {
            let more = node(graph, "Relu").clone();
            graph.node.push(more);
        }),
        (decoder, "its graph ends where export writes Add", |graph| drop(graph.node.pop())),
        (encoder, "inputs and outputs", |graph| graph.output.swap(0, 1)),
        (encoder, "its tensor encoder.width is not", |graph| {
            tensor(graph, "encoder.width").raw_data = Some(9_f32.to_le_bytes().to_vec());
        }),
        (decoder, "its tensor decoder.pixel_shape is not", |graph| {
            tensor(graph, "decoder.pixel_shape").int64_data = vec![1];
        }),
        (decoder, "sparse", |graph| graph.sparse_initializer.push(Vec::new())),
    ];
    for (file, expected, change) in changes {
        let said = refused(file, change);
        assert!(said.contains(expected) && said.contains(file), "{expected}: {said}");
    }
    let of_file = |change: fn(&mut ModelProto)| refusal(encoder, change).expect("it is another network");
    let said = of_file(|proto| proto.functions.push(Vec::new()));
    assert!(said.ends_with("it has operators of its own"), "{said}");
    let said = of_file(|proto| proto.opset_import[0].version = Some(9));
    assert!(said.ends_with("not of operator set 13"), "{said}");
    let said = of_file(|proto| proto.metadata_props.push(proto.metadata_props[0].clone()));
    assert!(said.ends_with("two entries 'elbo'"), "{said}");
}

#[test]
fn tensors_are_there_once_with_their_numbers_once_and_no_others() {
    let [encoder, _] = FILES;
    let name = "encoder.conv1.weight";
    let said = refused(encoder, |graph| {
        let twice = tensor(graph, name).clone();
        graph.initializer.push(twice);
    });
    assert!(said.ends_with("it has two tensors encoder.conv1.weight"), "{said}");
    let said = refused(encoder, |graph| {
        let extra = TensorProto { name: "my.extra".to_owned(), ..tensor(graph, name).clone() };
        graph.initializer.push(extra);
    });
    assert!(said.ends_with("the network has no tensor my.extra"), "{said}");
    let said = refused(encoder, |graph| tensor(graph, name).float_data = vec![1.0; 54]);
    assert!(said.ends_with("has its numbers twice"), "{said}");
}

#[test]
fn what_changes_no_number_may_change() {
    let here = tempfile::tempdir().unwrap();
    for numbers in [Numbers::Files, Numbers::Unit] {
        let out = here.path().join(format!("{numbers:?}"));
        export(&small(), Format::Onnx, numbers, &out).unwrap();
        assert_eq!(import(&out).unwrap().model, small());
    }
    // One half of each.
    fs::copy(here.path().join("Unit/decoder.onnx"), here.path().join("Files/decoder.onnx")).unwrap();
    assert!(error(&here.path().join("Files")).contains("decoder.onnx"));
    let said = refusal(FILES[0], |proto| {
        proto.producer_name = "another".to_owned();
        let graph = proto.graph.as_mut().unwrap();
        for node in &mut graph.node {
            node.name.clear();
            node.attribute.reverse();
            node.domain = "ai.onnx".to_owned();
        }
        graph.initializer.reverse();
        for tensor in &mut graph.initializer {
            let bytes = tensor.raw_data.take().unwrap();
            if tensor.data_type == Some(FLOAT) {
                tensor.float_data = arrays::from_little_endian(&bytes);
            } else {
                tensor.int64_data = bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
            }
        }
    });
    assert_eq!(said, None);
}
