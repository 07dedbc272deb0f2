using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Training;

/// <summary>Where batches come from.</summary>
public interface ITrainingData
{
    /// <summary>The parts of a step.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="random">Seeded by the trainer's seed and the step. What depends on nothing but these two makes a training that was
    /// interrupted go on to the same bits.</param>
    /// <returns>At least one part. Tensors that are made here are disposed after the step (they lie in its dispose scope); what is to
    /// live longer is made elsewhere, or detached.</returns>
    IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random);
}
