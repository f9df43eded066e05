//! A graph of ONNX, node by node.

use super::super::arrays::little_endian;
use super::proto::{
    AttributeProto, DimensionProto, FLOAT, GraphProto, INT, INT64, INTS, NodeProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};

/// A graph that grows. No node has the name of a value, since some runtimes keep both in one table.
pub(super) struct Graph {
    proto: GraphProto,
}

/// A setting of a node: whole numbers.
pub(super) enum Setting<'a> {
    One(i64),
    Several(&'a [usize]),
}

impl Graph {
    pub(super) fn new(name: &str) -> Self {
        Self { proto: GraphProto { name: name.to_owned(), ..GraphProto::default() } }
    }

    pub(super) fn finish(self) -> GraphProto {
        self.proto
    }

    /// Adds a node with one output, and returns the name of that.
    pub(super) fn node(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        settings: &[(&str, Setting<'_>)],
    ) -> String {
        self.node_with_outputs(name, operator, inputs, &[name], settings);
        name.to_owned()
    }

    pub(super) fn node_with_outputs(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        settings: &[(&str, Setting<'_>)],
    ) {
        let attribute = |(name, setting): &(&str, Setting<'_>)| match setting {
            Setting::One(number) => {
                AttributeProto { name: (*name).to_owned(), i: Some(*number), ints: Vec::new(), r#type: Some(INT) }
            }
            Setting::Several(numbers) => AttributeProto {
                name: (*name).to_owned(),
                i: None,
                ints: numbers.iter().map(|&number| number as i64).collect(),
                r#type: Some(INTS),
            },
        };
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            name: format!("{name}/{operator}"),
            op_type: operator.to_owned(),
            attribute: settings.iter().map(attribute).collect(),
            domain: String::new(),
        });
    }

    /// Adds numbers that are part of the file.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> String {
        self.tensor(name, FLOAT, shape, little_endian(numbers))
    }

    /// The same for one number of no dimension.
    pub(super) fn float(&mut self, name: &str, number: f32) -> String {
        self.floats(name, &[], &[number])
    }

    /// The same for a row of whole numbers.
    pub(super) fn integers(&mut self, name: &str, numbers: &[i64]) -> String {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.tensor(name, INT64, &[numbers.len()], bytes)
    }

    fn tensor(&mut self, name: &str, data_type: i32, shape: &[usize], bytes: Vec<u8>) -> String {
        self.proto.initializer.push(TensorProto {
            dims: shape.iter().map(|&side| side as i64).collect(),
            data_type: Some(data_type),
            float_data: Vec::new(),
            int64_data: Vec::new(),
            name: name.to_owned(),
            raw_data: Some(bytes),
            data_location: None,
        });
        name.to_owned()
    }

    /// Adds an input of `N` times this shape.
    pub(super) fn input(&mut self, name: &str, element: i32, shape: &[usize], meaning: &str) -> String {
        self.proto.input.push(value(name, element, shape, meaning));
        name.to_owned()
    }

    /// Says that a value is an output, of 32-bit floats and of `N` times this shape.
    pub(super) fn output(&mut self, name: &str, shape: &[usize], meaning: &str) {
        self.proto.output.push(value(name, FLOAT, shape, meaning));
    }
}

fn value(name: &str, element: i32, shape: &[usize], meaning: &str) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("N".to_owned()) };
    let sides = shape.iter().map(|&side| DimensionProto { dim_value: Some(side as i64), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(sides).collect() };
    let tensor = TensorTypeProto { elem_type: Some(element), shape: Some(shape) };
    let kind = TypeProto { tensor_type: Some(tensor) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), doc_string: meaning.to_owned() }
}
