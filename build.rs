fn main() {
    burn_onnx::ModelGen::new()
        .input("weights/pcore_tiny.onnx")
        .out_dir("model/")
        .load_strategy(burn_onnx::LoadStrategy::Embedded)
        .run_from_script();
}
