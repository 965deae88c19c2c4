/** Writes ONNX model files: the other direction of read-model.ts, for what it keeps. */
import { OnnxError } from './errors.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
import { attributeCodes, tensorTypes } from './model.ts';
import { ProtoWriter } from './protobuf.ts';

/** The file of a model: the same model gives the same bytes. */
export function writeModel(model: OnnxModel): Uint8Array {
  const writer = new ProtoWriter();
  writer.int(1, model.irVersion).string(2, model.producerName).string(3, model.producerVersion);
  writer.message(7, (inner) => writeGraph(inner, model.graph));
  for (const opset of model.opsets) {
    writer.message(8, (inner) => inner.string(1, opset.domain).int(2, opset.version));
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    writer.message(14, (inner) => inner.string(1, key).string(2, value));
  }
  return writer.finish();
}

function writeGraph(writer: ProtoWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) writer.message(1, (inner) => writeNode(inner, node));
  writer.string(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, (inner) => writeTensor(inner, tensor));
  for (const value of graph.inputs) writer.message(11, (inner) => writeValue(inner, value));
  for (const value of graph.outputs) writer.message(12, (inner) => writeValue(inner, value));
}

function writeNode(writer: ProtoWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, node.name).string(4, node.opType);
  for (const [name, attribute] of node.attributes) {
    writer.message(5, (inner) => writeAttribute(inner, name, attribute));
  }
  if (node.domain !== '') writer.string(7, node.domain);
}

function writeAttribute(writer: ProtoWriter, name: string, attribute: OnnxAttribute): void {
  writer.string(1, name);
  switch (attribute.type) {
    case 'float':
      writer.float(2, attribute.value);
      break;
    case 'int':
      writer.int(3, attribute.value);
      break;
    case 'string':
      writer.string(4, attribute.value);
      break;
    case 'bytes':
      writer.bytes(4, attribute.value);
      break;
    case 'tensor':
      writer.message(5, (inner) => writeTensor(inner, attribute.value));
      break;
    case 'graph':
      writer.message(6, (inner) => writeGraph(inner, attribute.value));
      break;
    case 'floats':
      writer.packedFloats(7, attribute.values);
      break;
    case 'ints':
      writer.packedInts(8, attribute.values);
      break;
    case 'strings':
      writer.strings(9, attribute.values);
      break;
    case 'other':
      throw new OnnxError('model', `Attribute "${name}" has type ${attribute.code}, which is not written.`);
  }
  writer.int(20, attribute.type === 'bytes' ? attributeCodes.string : attributeCodes[attribute.type]);
}

function writeTensor(writer: ProtoWriter, tensor: OnnxTensor): void {
  writer.packedInts(1, tensor.dims).int(2, tensor.dataType).string(8, tensor.name);
  const data = tensor.data;
  switch (data.location) {
    case 'float':
    case 'double':
      writer.bytes(9, new Uint8Array(data.values.buffer, data.values.byteOffset, data.values.byteLength));
      break;
    case 'int64':
      writer.packedInts(tensor.dataType === tensorTypes.INT32 ? 5 : 7, data.values);
      break;
    case 'string':
      for (const text of data.values) writer.string(6, text);
      break;
    case 'raw':
      writer.bytes(9, data.bytes);
      break;
    case 'external':
      throw new OnnxError('model', `Tensor "${tensor.name}" lies outside the file and cannot be written.`);
  }
}

function writeValue(writer: ProtoWriter, value: OnnxValue): void {
  writer.string(1, value.name);
  const type = value.type;
  if (type.kind !== 'tensor')
    throw new OnnxError('model', `Value "${value.name}" is not a tensor and cannot be written.`);
  writer.message(2, (typeWriter) =>
    typeWriter.message(1, (tensorWriter) => {
      tensorWriter.int(1, type.dataType);
      if (type.shape === undefined) return;
      const shape = type.shape;
      tensorWriter.message(2, (shapeWriter) => {
        for (const dim of shape) {
          shapeWriter.message(1, (dimWriter) => {
            if (typeof dim === 'number') dimWriter.int(1, dim);
            else if (dim !== undefined) dimWriter.string(2, dim);
          });
        }
      });
    }),
  );
}
