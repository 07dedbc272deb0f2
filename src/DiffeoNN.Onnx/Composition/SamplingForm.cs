namespace DiffeoNN.Onnx.Composition;

/// <summary>How sampling is written.</summary>
internal enum SamplingForm
{
    /// <summary>Gathers of the four neighbours, which share their indices and weights with the gradient.</summary>
    Gathers,

    /// <summary>GridSample: one launch in place of twenty on a GPU, where no gradient is wanted.</summary>
    Kernel,

    /// <summary>An operator of ours (<see cref="SampleOperator"/>): the fastest on the CPU, with and without gradient. Sessions must be
    /// told of it, and the gradient compiler too.</summary>
    Operator,
}
