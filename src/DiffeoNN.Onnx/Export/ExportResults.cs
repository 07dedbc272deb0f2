using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes what is known of each image of the batch, from what is known of the candidates: what stands for an image is the last map
/// that counts.</summary>
/// <param name="writer">The graph.</param>
/// <param name="graph">Its maps.</param>
/// <param name="bundle">The bundle.</param>
internal sealed class ExportResults(GraphWriter writer, ExportGraph graph, Bundle bundle)
{
    private readonly int _maps = graph.MapsOfImage;

    /// <summary>The canonical images, (N, C, H, W).</summary>
    public string Canonical(ExportGraph.Verdict verdict, string image)
    {
        var size = bundle.Image;
        var last = Last(verdict, verdict.Canonical, verdict.Images, [-1, 1, 1, 1], [size.Channels, size.Height, size.Width]);
        return writer.Put(image, verdict.Index, last);
    }

    /// <summary>A displacement of the maps, (N, 2, H, W), in the library's unit.</summary>
    /// <param name="verdict">Of the candidates.</param>
    /// <param name="maps">(M * R, 2, P).</param>
    /// <param name="image">(N, C, H, W).</param>
    public string Displacement(ExportGraph.Verdict verdict, string maps, string image)
    {
        var pixels = (long)graph.Grid.Height * graph.Grid.Width;
        var last = Last(verdict, maps, writer.Scalar(0), [-1, 1, 1], [2, pixels]);
        var zeros = writer.Op(
            "ConstantOfShape", [writer.Concat(0, writer.Count(image), writer.Ints(2, pixels))],
            OnnxAttribute.Of("value", OnnxTensor.Create<float>("", [1], [0f])));
        return graph.Fields.Planar(graph.Fields.FromKernelUnits(writer.Put(zeros, verdict.Index, last)), 2);
    }

    /// <summary>Energies before and after, (N, 2).</summary>
    public string Energy(ExportGraph.Verdict verdict)
    {
        var found = writer.Rows(writer.Reshape(verdict.Found, _maps, -1), writer.Whole(_maps - 1));
        var last = Last(verdict, verdict.Found, found, [-1], []);
        var own = writer.Rows(verdict.Energies, verdict.Index);
        var after = writer.Put(verdict.Energies, verdict.Index, writer.Op("Where", [verdict.Candidates, last, own]));
        return writer.Concat(1, writer.Reshape(verdict.Energies, -1, 1), writer.Reshape(after, -1, 1));
    }

    private string Last(ExportGraph.Verdict verdict, string values, string otherwise, long[] flags, long[] shape)
    {
        var accepted = writer.Reshape(verdict.Accepted, _maps, -1);
        var byMap = _maps == 1 ? values : writer.Reshape(values, [_maps, -1, .. shape]);
        for (var map = 0; map < _maps; map++)
        {
            var number = writer.Whole(map);
            otherwise = writer.Op("Where",
            [
                writer.Reshape(writer.Rows(accepted, number), flags), _maps == 1 ? values : writer.Rows(byMap, number), otherwise,
            ]);
        }

        return otherwise;
    }
}
