namespace DiffeoNN.Onnx.Gradients;

/// <summary>What a gradient graph is to be fast on. It is right on both;
/// the formulas differ where a runtime is slow, or has an operator on one of them alone.</summary>
public enum GradientTarget
{
    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>A GPU. ONNX Runtime (1.31) undoes MaxPool on the CPU only, and carries images there and back for it,
    /// so scatters are emitted instead: with 64 images a U-Net's gradient took four times as long as in PyTorch (H100).</summary>
    Gpu,
}
