using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes the passes of the proposer, each further one asked for what is left, and their composition.</summary>
/// <param name="writer">The graph.</param>
/// <param name="fields">Its fields.</param>
/// <param name="bundle">Has a proposer.</param>
/// <param name="plan">How often it is asked.</param>
/// <param name="proposer">The network.</param>
internal sealed class ExportProposals(
    GraphWriter writer, FieldOperators fields, Bundle bundle, SearchPlan plan, ExportNetwork proposer)
{
    private readonly string _output = bundle.Manifest.Models.Proposer!.Output;

    /// <summary>Writes them.</summary>
    /// <param name="images">(R, C, H, W).</param>
    /// <param name="maps">Writes maps.</param>
    /// <param name="kept">How many of the last passes are judged.</param>
    /// <param name="found">Gets the maps of the passes that are judged.</param>
    /// <returns>The last velocity at every pixel, (R, 2, P).</returns>
    public string Write(
        string images, ExportMaps maps, int kept,
        List<(ExportMaps.Paced Paced, ExportMaps.Maps Maps, string Canonical)> found)
    {
        var (height, width) = LatticeSize();
        var grid = new SamplingGrid(bundle.Image.Height, bundle.Image.Width);
        string? lattice = null, velocity = null;
        var canonical = images;
        for (var pass = 0; pass < plan.Passes; pass++)
        {
            using var scope = writer.Scope($"proposer/pass{pass}");
            var own = proposer.Append(writer, "network", canonical)[_output];
            if (proposer.Output(_output).ElementType != OnnxElementType.Float)
                own = writer.To(own, OnnxElementType.Float);
            lattice = lattice is null ? own : AnswerComposer.Compose(writer, grid, height, width, lattice, own);
            velocity = fields.Upsample(lattice, height, width, LatticeBasis.Linear);
            var (isLast, isJudged) = (pass == plan.Passes - 1, pass >= plan.Passes - kept);
            if (isLast && !isJudged)
                break;
            var paced = maps.Pace(velocity);
            var both = isJudged
                ? maps.Both(paced.Velocity, paced.Extra)
                : new ExportMaps.Maps(maps.Exp(paced.Velocity, paced.Extra), "");
            canonical = maps.Warped(images, both.Forward);
            if (isJudged)
                found.Add((paced, both, canonical));
        }

        return velocity!;
    }

    private (int Height, int Width) LatticeSize()
    {
        if (proposer.Output(_output).Shape is [_, _, { Size: { } height }, { Size: { } width }])
            return ((int)height, (int)width);
        throw new ExportException(
            $"Bundle '{bundle.Name}': its proposer does not say how large its lattice is (output {proposer.Output(_output)}); export it "
            + "with fixed sizes but for the batch.");
    }
}
