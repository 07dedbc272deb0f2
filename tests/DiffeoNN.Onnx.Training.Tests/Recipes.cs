using DiffeoNN.Onnx.Training.Architectures;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What tests of recipes share.</summary>
internal static class Recipes
{
    /// <summary>A small proposer; the caller disposes it.</summary>
    public static TrainableNetwork Proposer(int channels, int height, int width) =>
        new(new ProposerArchitecture(channels, height, width) { Widths = [8, 16], Hidden = 16 }.Create(1), Architecture.Weights);
}
