/** What an ordinary training environment holds, at the versions that these tests were written against. */
export const mlflowPackages = [
  'mlflow==3.17.2',
  'scikit-learn==1.9.1',
  'skl2onnx==1.20.0',
  'onnx==1.23.2',
  'onnxruntime==1.31.1',
  'pyarrow==25.0.1',
] as const;
