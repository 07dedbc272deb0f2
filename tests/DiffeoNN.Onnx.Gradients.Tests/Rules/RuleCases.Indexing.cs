using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Elements written to and read from computed places, picked by conditions, or rearranged in patches.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Indexing() =>
        [.. ScatterRows(), .. GatherRows(), .. SelectionRows(), .. PatchRows(), .. RunTimeRows(), .. EmptyRows(), .. EinsumRows()];

    private static IEnumerable<RuleCase> ScatterRows()
    {
        var rows = Fix([2, 3], 0, 2, 1, -1, 0, 2);
        var twice = Fix([3, 3], 0, 2, 1, -1, 0, 2, 0, 0, 1);
        foreach (var operation in new[] { "Scatter", "ScatterElements" })
        {
            int[] opsets = operation == "Scatter" ? [9, 10] : [11, 13, 16, 18];
            yield return new(operation, opsets, [Any(3, 3), rows, Any(2, 3)]);
            yield return new(operation, opsets[..1], [Any(3, 4), Fix([2, 3], 0, 3, 1, 2, 1, -4), Any(2, 3)], I("axis", 1));
        }

        yield return new("ScatterElements", [18], [Any(2, 2, 3), Fix([1, 2, 2], 0, 2, 1, -3), Any(1, 2, 2)], I("axis", -1),
            S("reduction", "none"));
        yield return new("ScatterElements", [16, 18], [Any(3, 3), twice, Any(3, 3)], S("reduction", "add"));
        yield return new("ScatterElements", [16, 18, 26], [Any(3, 3), twice, Any(3, 3)], S("reduction", "mul"));
        yield return new("ScatterElements", [18], [Any(2, 2), Fix([5, 2], 0, 1, 1, 0, 0, 0, -1, 1, 0, 0), Any(5, 2)],
            S("reduction", "mul"));
        yield return new("ScatterElements", [18],
            [Values([2, 2], 1.5, 0, -2, 0.5), Fix([3, 2], 0, 1, 0, 1, 1, 1), Values([3, 2], 0, 0, 2, 0, 0, 1.5)], S("reduction", "mul"));
        foreach (var reduction in new[] { "max", "min" })
        {
            yield return new("ScatterElements", [18], [Any(3, 3), twice, Any(3, 3)], S("reduction", reduction));
            yield return new("ScatterElements", [18], [Any(3, 3), Fix([3, 2], 0, 2, -1, 2, 1, 1), Any(3, 2)], I("axis", 1),
                S("reduction", reduction));
            yield return new("ScatterND", [18], [Any(3, 2), Fix([4, 1], 2, 0, -1, 0), Any(4, 2)], S("reduction", reduction));
        }

        yield return new("ScatterND", [11, 13, 16, 18], [Any(3, 2), Fix([2, 1], 2, 0), Any(2, 2)]);
        yield return new("ScatterND", [18], [Any(3, 2), Fix([2, 2, 2], 2, 0, 0, 1, 1, -1, -2, 0), Any(2, 2)]);
        yield return new("ScatterND", [18], [Any(3, 2), Fix([2], 2, 1), Any()]);
        yield return new("ScatterND", [16, 18], [Any(3, 2), Fix([3, 1], 2, 0, -1), Any(3, 2)], S("reduction", "add"));
        yield return new("ScatterND", [16, 18], [Any(3, 2), Fix([4, 1], 2, 0, -1, 2), Any(4, 2)], S("reduction", "mul"));
        yield return new("ScatterND", [18], [Values([2], 1.5, -2), Fix([4, 1], 0, 1, 0, 1), Values([4], 0, 0, 0, 1.5)],
            S("reduction", "mul"));

        yield return new("TensorScatter", [24], [Any(2, 4, 3), Any(2, 2, 3), Integers(1, 2)]);
        yield return new("TensorScatter", [24], [Any(2, 2, 4, 2), Any(2, 2, 3, 2), Integers(0, 1)], S("mode", "linear"));
        yield return new("TensorScatter", [24], [Any(2, 4, 3), Any(2, 2, 3)]);
        yield return new("TensorScatter", [24], [Any(2, 4, 3), Any(2, 3, 3), Integers(3, 1)], S("mode", "circular"));
        yield return new("TensorScatter", [24], [Any(2, 2, 4), Any(2, 2, 3), Integers(2, 3)], S("mode", "circular"), I("axis", -1));
        yield return new("TensorScatter", [24], [Any(2, 4, 2, 2), Any(2, 1, 2, 2), Integers(2, 3)], I("axis", 1));
    }

    private static IEnumerable<RuleCase> GatherRows()
    {
        yield return new("GatherElements", [11, 13], [Any(3, 3), Fix([2, 3], 0, 2, 1, 0, 0, 2)], I("axis", 0));
        yield return new("GatherElements", [13], [Any(2, 3), Fix([2, 5], 0, -1, 1, 2, 0, -3, 0, 0, 0, 2)], I("axis", -1));
        yield return new("GatherElements", [13], [Any(2, 2, 2), Fix([1, 2, 1], 1, 0)], I("axis", 1));
        yield return new("GatherND", [11, 12, 13], [Any(2, 3, 2), Fix([3, 2], 0, 2, 1, -1, 0, 2)]);
        yield return new("GatherND", [13], [Any(2, 3), Fix([2], 1, -1)]);
        yield return new("GatherND", [13], [Any(2, 3), Fix([2, 2, 1], 1, 0, 0, 0)]);
        yield return new("GatherND", [12, 13], [Any(2, 3, 2), Fix([2, 1], 2, 0)], I("batch_dims", 1));
        yield return new("GatherND", [13], [Any(2, 2, 3, 2), Fix([2, 2, 2, 1], 2, 0, 1, 1, -1, 0, 2, 2)], I("batch_dims", 2));
        yield return new("GatherND", [13], [Any(2, 3, 2), Fix([2, 2, 2], 2, 0, 1, 1, 2, 0, -3, -2)], I("batch_dims", 1));
        yield return new("Gather", [13], [Any(2, 3, 2), Fix([2, 2], 1, -3, 0, 1)], I("axis", -2));
        yield return new("Gather", [11], [Any(5), Integers(3, 4)]);
        yield return new("Gather", [13], [Any(5), Fix(OnnxTensor.Scalar("", -2L))]);
        yield return new("OneHot", [9, 11], [Fix([2, 2], 1, 0, 3, -1), Fix(OnnxTensor.Scalar("", 4L)), Any(2)], I("axis", 1));
        yield return new("OneHot", [11], [Floats([3], 1, 7, -3), Floats([1], 3), Any(2)]);
    }

    private static IEnumerable<RuleCase> SelectionRows()
    {
        Operand Mask(params bool[] values) => Fix(OnnxTensor.Create<bool>("", [values.Length], values));
        yield return new("Compress", [9, 11], [Any(3, 2), Mask(false, true, true)], I("axis", 0));
        yield return new("Compress", [11], [Any(3, 4), Mask(true, false, true)], I("axis", -1));
        yield return new("Compress", [9, 11], [Any(3, 2), Mask(false, true, true, false, true)]);
        yield return new("Compress", [11], [Any(3, 2), Mask(true, false, true).AtRunTime], I("axis", 0));
        yield return new("Compress", [11], [Any(3, 2), Mask(false, false)], I("axis", 0));

        yield return new("Unique", [11], [Any(2, 3)]);
        yield return new("Unique", [11], [Any(2, 3)], I("sorted", 0)) { Outputs = 4 };
        yield return new("Unique", [11], [Any(3, 2)], I("axis", 0)) { Outputs = 2 };
        yield return new("Unique", [11], [Any(2, 3)], I("axis", -1), I("sorted", 1));

        yield return new("TopK", [7], [Any(2, 4)], I("k", 2)) { Outputs = 2 };
        yield return new("TopK", [7], [Any(4, 2)], I("k", 3), I("axis", 0)) { Outputs = 2 };
        yield return new("TopK", [10, 11, 24], [Any(2, 4), Integers(3)]) { Outputs = 2 };
        yield return new("TopK", [11], [Any(2, 4, 2), Integers(2)], I("axis", 1), I("largest", 0), I("sorted", 0)) { Outputs = 2 };
        yield return new("TopK", [11], [Any(4), Integers(2).AtRunTime], I("axis", -1), I("sorted", 1)) { Outputs = 2 };

        yield return new("ReverseSequence", [10], [Any(4, 3, 2), Integers(4, 1, 3)]);
        yield return new("ReverseSequence", [10], [Any(3, 4), Integers(4, 2, 1).AtRunTime], I("batch_axis", 0), I("time_axis", 1));

        yield return new("Trilu", [14], [Any(3, 4)]);
        yield return new("Trilu", [14], [Any(2, 3, 3), Fix(OnnxTensor.Scalar("", -1L))], I("upper", 1));
        yield return new("Trilu", [14], [Any(4, 3), Fix(OnnxTensor.Scalar("", 1L)).AtRunTime], I("upper", 0));

        yield return new("CenterCropPad", [18], [Any(5, 4), Integers(2, 7)]);
        yield return new("CenterCropPad", [18], [Any(5, 4, 3), Integers(6, 2)], L("axes", 0, -1));
        yield return new("CenterCropPad", [18, 26], [Any(5, 4), Integers(2)], L("axes", 1));
        yield return new("CenterCropPad", [18], [Any(4, 3), Integers(7, 2).AtRunTime]);
    }

    private static IEnumerable<RuleCase> PatchRows()
    {
        yield return new("Col2Im", [18], [Any(1, 8, 4), Integers(3, 3), Integers(2, 2)]);
        yield return new("Col2Im", [18], [Any(2, 6, 3), Integers(5), Integers(3)]);
        yield return new("Col2Im", [18], [Any(2, 4, 9), Integers(5, 4), Integers(2, 1)], L("strides", 2, 2), L("pads", 1, 0, 0, 1),
            L("dilations", 1, 1));
        yield return new("Col2Im", [18], [Any(1, 4, 6), Integers(5, 4), Integers(2, 2)], L("dilations", 3, 2), L("strides", 1, 1),
            L("pads", 0, 0, 0, 1));
        yield return new("Col2Im", [18], [Any(1, 8, 8), Integers(3, 3, 3), Integers(2, 2, 2)]);
        yield return new("Col2Im", [18], [Any(1, 8, 2), Integers(3, 2, 4), Integers(2, 2, 2)], L("strides", 1, 1, 2),
            L("pads", 0, 0, 0, 0, 0, 0), L("dilations", 2, 1, 1));
        yield return new("Col2Im", [18], [Any(1, 8, 4), Integers(3, 3).AtRunTime, Integers(2, 2).AtRunTime], L("strides", 1, 1));

        yield return new("MaxUnpool", [9, 11, 22], [Any(1, 1, 2, 2), Fix([1, 1, 2, 2], 1, 3, 4, 14)], L("kernel_shape", 2, 2),
            L("strides", 2, 2));
        yield return new("MaxUnpool", [11], [Any(1, 2, 2), Fix([1, 2, 2], 5, 2, 9, 8), Integers(1, 2, 5)], L("kernel_shape", 2),
            L("strides", 2));
        yield return new("MaxUnpool", [11], [Any(2, 1, 2, 2), Fix([2, 1, 2, 2], 4, 4, 4, 8, 9, 11, 15, 17)], L("kernel_shape", 2, 2));
        yield return new("MaxUnpool", [11], [Any(1, 1, 2, 2), Fix([1, 1, 2, 2], 1, 3, 8, 11).AtRunTime, Integers(1, 1, 4, 4).AtRunTime],
            L("kernel_shape", 2, 2), L("strides", 2, 2), L("pads", 0, 0, 0, 0));

        yield return new("SpaceToDepth", [13], [Any(1, 1, 3, 6)], I("blocksize", 3));
        yield return new("DepthToSpace", [11], [Any(1, 9, 2, 1)], I("blocksize", 3), S("mode", "CRD"));
    }

    /// <summary>What tells where elements go is computed while the model runs.</summary>
    private static IEnumerable<RuleCase> RunTimeRows()
    {
        yield return new("Slice", [13], [Any(4, 5), Integers(1, -3).AtRunTime, Integers(3, 100).AtRunTime]);
        yield return new("Slice", [13], [Any(4, 5), Integers(-1).AtRunTime, Integers(0).AtRunTime, Integers(1), Integers(-2).AtRunTime]);
        yield return new("Slice", [13],
            [Any(4, 5), Integers(3, 1).AtRunTime, Integers(-100, 4).AtRunTime, Integers(1, 0).AtRunTime, Integers(-1, 2).AtRunTime]);
        yield return new("Slice", [13], [Any(5), Integers(1).AtRunTime, Integers(4)]);
        Operand Narrow(int value) => Fix(OnnxTensor.Create<int>("", [1], [value]));
        yield return new("Slice", [13], [Any(2, 5), Narrow(-1), Narrow(-100), Narrow(1), Narrow(-2)]);
        yield return new("Pad", [13], [Any(2, 3), Integers(1, 0, -1, 2).AtRunTime, Any()]);
        yield return new("Pad", [18], [Any(2, 3), Integers(1, 2).AtRunTime, Any(), Integers(1).AtRunTime]);
        yield return new("Pad", [13], [Any(3, 4), Integers(1, 2, 2, 0).AtRunTime], S("mode", "reflect"));
        yield return new("Pad", [18], [Any(3, 4), Integers(2, 1).AtRunTime, Absent, Integers(-2)], S("mode", "edge"));
        yield return new("Pad", [19], [Any(3, 4), Integers(2, 1).AtRunTime, Absent, Integers(-1).AtRunTime], S("mode", "wrap"));
        yield return new("Gather", [13], [Any(4, 3), Fix([2, 2], 2, 0, -1, 2).AtRunTime], I("axis", 1));
        yield return new("GatherElements", [13], [Any(3, 3), Fix([2, 3], 0, -2, 1, 0, 0, 2).AtRunTime]);
        yield return new("GatherND", [13], [Any(2, 3, 2), Fix([2, 1], 2, 0).AtRunTime], I("batch_dims", 1));
        yield return new("ScatterElements", [18], [Any(3, 3), Fix([2, 3], 0, 2, 1, -1, 0, 2).AtRunTime, Any(2, 3)], S("reduction", "mul"));
        yield return new("ScatterND", [18], [Any(3, 2), Fix([3, 1], 2, 0, -1).AtRunTime, Any(3, 2)], S("reduction", "max"));
        yield return new("Tile", [13], [Any(2, 3), Integers(2, 2).AtRunTime]);
        yield return new("Split", [13], [Any(2, 5), Integers(2, 3).AtRunTime], I("axis", 1)) { Outputs = 2, Differentiated = [0] };
        yield return new("Reshape", [13], [Any(2, 3, 2), Integers(3, -1).AtRunTime]);
        yield return new("Squeeze", [13], [Any(2, 1, 3), Integers(1).AtRunTime]);
        yield return new("Unsqueeze", [13], [Any(2, 3), Integers(1).AtRunTime]);
        yield return new("Expand", [13], [Any(2, 1), Integers(3, 2, 4).AtRunTime]);
    }

    /// <summary>Tensors of rank 0 or without elements.</summary>
    private static IEnumerable<RuleCase> EmptyRows()
    {
        yield return new("Reshape", [14], [Any(0, 3), Integers(3, 0)], I("allowzero", 1));
        yield return new("Reshape", [14], [Any(2, 3), Integers(3, 2)], I("allowzero", 1));
        yield return new("Reshape", [14], [Any(1, 1), Fix([0])]);
        yield return new("Reshape", [14], [Any(), Integers(1, 1)]);
        yield return new("Flatten", [13], [Any(2, 0, 3)]);
        yield return new("Flatten", [13], [Any()], I("axis", 0));
        yield return new("Transpose", [13], [Any(2, 0)]);
        yield return new("Concat", [13], [Any(0, 3), Any(2, 3)], I("axis", 0));
        yield return new("Split", [13], [Any(2, 3), Integers(0, 3)], I("axis", -1)) { Outputs = 2, Differentiated = [0, 1] };
        yield return new("Slice", [13], [Any(4, 2), Integers(3), Integers(1)]);
        yield return new("Gather", [13], [Any(4, 2), Integers()]);
        yield return new("GatherElements", [13], [Any(4, 2), Fix([0, 2])]);
        yield return new("ScatterElements", [18], [Any(4, 2), Fix([0, 2]), Any(0, 2)]);
        yield return new("Expand", [13], [Any(1, 3), Integers(0, 3)]);
        yield return new("Expand", [13], [Any(), Integers(2, 2)]);
        yield return new("Tile", [13], [Any(2, 3), Integers(0, 2)]);
        yield return new("Pad", [13], [Any(0, 2), Integers(1, 0, 1, 1), Any()]);
        yield return new("Unsqueeze", [13], [Any(), Integers(0, 1)]);
        yield return new("Squeeze", [13], [Any(1), Integers(0)]);
        yield return new("Where", [9], [Fix(OnnxTensor.Scalar("", true)), Any(), Any(2)]);
        yield return new("Where", [16], [Fix(OnnxTensor.Create<bool>("", [0, 1], [])), Any(1, 2), Any(0, 2)]);
    }

    private static IEnumerable<RuleCase> EinsumRows()
    {
        RuleCase Row(string equation, params Operand[] operands) => new("Einsum", [12], operands, S("equation", equation));
        yield return Row("ij->", Any(2, 3));
        yield return Row("ij->j", Any(2, 3));
        yield return Row("ij->ji", Any(2, 3));
        yield return Row("ij", Any(2, 3));
        yield return Row("ii->i", Any(3, 3));
        yield return Row("ii", Any(3, 3));
        yield return Row("iij->ij", Any(2, 2, 3));
        yield return Row("ijj,jk->ik", Any(2, 3, 3), Any(3, 2));
        yield return Row("iii->", Any(2, 2, 2));
        yield return Row("...ii->...i", Any(2, 3, 3));
        yield return Row("...ij,...jk->...ik", Any(1, 2, 3), Any(2, 3, 2));
        yield return Row("i...,i...", Any(2, 3), Any(2, 3));
        yield return Row("i...,...->i...", Any(2, 1, 3), Any(2, 3));
        yield return Row("i,j,k->ijk", Any(2), Any(3), Any(2));
        yield return Row("ij,jk,kl->il", Any(2, 3), Any(3, 2), Any(2, 2));
        yield return Row("bij,bjk,bk->bi", Any(2, 2, 3), Any(2, 3, 2), Any(2, 2));
        yield return Row("i,i,i->", Any(3), Any(3), Any(3));
        yield return Row("bi , bj -> b", Any(2, 3), Any(2, 2));
        yield return Row(",i->i", Any(), Any(3));
        yield return Row("Ab,bA->A", Any(2, 3), Any(3, 2));
    }
}
