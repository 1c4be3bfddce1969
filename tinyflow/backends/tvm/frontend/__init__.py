"""From a `.tflite` file to layers: TVM's importer, and the integer arithmetic behind its quantised expressions."""
