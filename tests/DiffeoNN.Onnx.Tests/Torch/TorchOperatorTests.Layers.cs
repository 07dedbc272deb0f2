using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>Forms of layers, resampling and windows that no published case has.</summary>
public sealed partial class TorchOperatorTests
{
    private static IEnumerable<TestCaseData> LayerRows()
    {
        foreach (var window in new[] { "HannWindow", "HammingWindow", "BlackmanWindow" })
        {
            yield return Row(window, [Scalar(OnnxElementType.Int64, 10)]);
            yield return Row(window, [Scalar(OnnxElementType.Int64, 9)], ("periodic", 0L));
        }

        yield return Row("MelWeightMatrix", [.. new[] { 8.0, 64, 8192 }.Select(x => Scalar(OnnxElementType.Int64, x)),
            Scalar(OnnxElementType.Float, 0), Scalar(OnnxElementType.Float, 4096)]);
        yield return Row("MelWeightMatrix", [.. new[] { 20.0, 32, 8000 }.Select(x => Scalar(OnnxElementType.Int64, x)),
            Scalar(OnnxElementType.Float, 100), Scalar(OnnxElementType.Float, 3900)]);

        foreach (var automatic in new[] { "SAME_UPPER", "SAME_LOWER", "VALID" })
        {
            yield return Row("Conv", [Random(2, 4, 9, 8), Random(6, 2, 4, 3), Random(6)], ("auto_pad", automatic), ("group", 2L),
                ("strides", (long[])[2, 3]));
            yield return Row("MaxPool", 2, [Random(2, 3, 9, 8)], ("auto_pad", automatic), ("kernel_shape", (long[])[4, 3]),
                ("strides", (long[])[2, 3]));
            yield return Row("AveragePool", [Random(2, 3, 9, 8)], ("auto_pad", automatic), ("kernel_shape", (long[])[4, 3]),
                ("strides", (long[])[2, 3]));
            yield return Row("ConvTranspose", [Random(1, 4, 5, 3), Random(4, 3, 4, 3)], ("auto_pad", automatic), ("group", 2L),
                ("strides", (long[])[2, 3]));
        }

        // Strides longer than the kernel, where ONNX Runtime leaves elements out at both ends and fills nothing up.
        foreach (var automatic in new[] { "SAME_UPPER", "SAME_LOWER" })
        {
            yield return Row("Conv", [Random(1, 2, 8, 4), Random(3, 2, 1, 1)], ("auto_pad", automatic), ("strides", (long[])[4, 5]));
            yield return Row("Conv", [Random(1, 2, 5, 8), Random(3, 2, 1, 2)], ("auto_pad", automatic), ("strides", (long[])[5, 5]));
            yield return Row("LpPool", [Random(1, 2, 8, 6)], ("auto_pad", automatic), ("kernel_shape", (long[])[1, 2]),
                ("strides", (long[])[4, 4]));
            yield return Row("ConvTranspose", [Random(1, 2, 3, 4), Random(2, 3, 1, 2)], ("auto_pad", automatic),
                ("strides", (long[])[3, 2]));
            yield return Row("ConvTranspose", [Random(1, 2, 4), Random(2, 3, 4)], ("auto_pad", automatic), ("strides", (long[])[4]));
        }

        // The last window reaches what padding for undilated windows leaves out at the end.
        yield return Row("AveragePool", [Random(1, 2, 13)], ("auto_pad", "SAME_UPPER"), ("ceil_mode", 1L), ("kernel_shape", (long[])[2]),
            ("strides", (long[])[5]), ("dilations", (long[])[2]));
        yield return Row("LpPool", [Random(1, 2, 2, 5)], ("kernel_shape", (long[])[4, 2]), ("strides", (long[])[3, 2]));
        yield return Row("Conv", [Random(1, 2, 11), Random(3, 2, 3)], ("dilations", (long[])[2]), ("pads", (long[])[3, 0]),
            ("strides", (long[])[2]));
        yield return Row("Conv", [Random(1, 2, 5, 6, 7), Random(3, 2, 3, 2, 3)], ("pads", (long[])[1, 0, 2, 0, 1, 2]),
            ("strides", (long[])[2, 1, 2]));
        yield return Row("ConvTranspose", [Random(1, 2, 4, 5), Random(2, 3, 3, 3), Random(3)], ("strides", (long[])[3, 2]),
            ("output_padding", (long[])[2, 1]), ("pads", (long[])[1, 0, 0, 2]));
        yield return Row("ConvTranspose", [Random(1, 2, 4, 5), Random(2, 3, 3, 3)], ("strides", (long[])[3, 2]),
            ("output_shape", (long[])[10, 11]), ("dilations", (long[])[1, 2]));
        yield return Row("ConvTranspose", [Random(1, 2, 4), Random(2, 3, 3)], ("strides", (long[])[2]), ("pads", (long[])[1, 1]));

        foreach (var counted in new[] { 0L, 1L })
        {
            yield return Row("AveragePool", [Random(1, 2, 7, 8)], ("ceil_mode", 1L), ("count_include_pad", counted),
                ("kernel_shape", (long[])[3, 3]), ("strides", (long[])[2, 2]), ("pads", (long[])[1, 0, 1, 0]));
            yield return Row("AveragePool", [Random(1, 2, 9)], ("dilations", (long[])[2]), ("count_include_pad", counted),
                ("kernel_shape", (long[])[3]), ("pads", (long[])[2, 1]));
            yield return Row("MaxPool", 2, [Random(2, 3, 7, 8)], ("storage_order", counted), ("kernel_shape", (long[])[3, 2]),
                ("strides", (long[])[2, 1]), ("pads", (long[])[1, 0, 1, 1]), ("ceil_mode", 1L));
        }

        yield return Row("MaxPool", 2, [Random(1, 2, 5, 6, 7)], ("dilations", (long[])[2, 1, 2]), ("kernel_shape", (long[])[2, 3, 3]));
        yield return Row("MaxPool", [OnnxTensor.Create<byte>("", [1, 1, 5], [3, 200, 7, 1, 9])], ("kernel_shape", (long[])[2]),
            ("pads", (long[])[1, 0]));
        foreach (var p in new[] { 1L, 2, 3 })
        {
            yield return Row("LpPool", [Random(1, 2, 7, 8)], ("p", p), ("kernel_shape", (long[])[3, 2]), ("strides", (long[])[2, 1]),
                ("pads", (long[])[1, 0, 1, 1]));
            yield return Row("GlobalLpPool", [Random(2, 3, 4, 5)], ("p", p));
        }

        yield return Row(
            "MaxRoiPool", [Random(2, 3, 9, 8), OnnxTensor.Create<float>("", [3, 5], [0, 0, 0, 7, 8, 1, 2, 1, 5, 6, 1, 3, 3, 30, 4])],
            ("pooled_shape", (long[])[3, 2]), ("spatial_scale", 0.9f));
        foreach (var mode in new[] { "avg", "max" })
        {
            foreach (var ratio in new[] { 0L, 2 })
            {
                yield return Row("RoiAlign",
                    [Random(2, 3, 9, 8), OnnxTensor.Create<float>("", [3, 4], [0, 0, 7, 8, 2, 1, 5.5f, 6, 3, 3, 13, 4]), Whole(0, 1, 1)],
                    ("mode", mode), ("sampling_ratio", ratio), ("output_height", 3L), ("output_width", 2L), ("spatial_scale", 0.9f));
            }
        }

        yield return Row("GroupNormalization", [Random(2, 6, 4, 3), Random(6), Random(6)], ("num_groups", 3L));
        yield return Row("LayerNormalization", 3, [Random(2, 3, 4), Random(3, 4), Random(3, 4)], ("axis", 1L), ("epsilon", 0.01f));
        yield return Row("LpNormalization", [Random(2, 3, 4)], ("axis", 1L), ("p", 1L));
        yield return Row("LRN", [Random(2, 7, 3, 2)], ("size", 5L), ("alpha", 0.2f), ("beta", 0.6f), ("bias", 1.5f));

        foreach (var mode in new[] { "linear", "cubic" })
        {
            foreach (var transformation in new[] { "half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel",
                "half_pixel_symmetric" })
                yield return Resize(
                    Random(1, 2, 5, 7), Numbers(1, 1, 2.3, 0.6), ("mode", mode), ("coordinate_transformation_mode", transformation));
            yield return Resize(Random(1, 2, 9, 7), Numbers(1, 1, 0.4, 0.6), ("mode", mode), ("antialias", 1L));
            yield return Resize(Random(1, 2, 9, 7), Numbers(1, 1, 0.4, 1.7), ("mode", mode), ("antialias", 1L),
                ("exclude_outside", mode == "cubic" ? 1L : 0L));
        }

        foreach (var nearest in new[] { "floor", "ceil", "round_prefer_floor", "round_prefer_ceil" })
        {
            foreach (var transformation in new[] { "half_pixel", "align_corners", "asymmetric" })
                yield return Resize(Random(1, 2, 5, 8), Numbers(1, 1, 2.5, 0.5), ("mode", "nearest"), ("nearest_mode", nearest),
                    ("coordinate_transformation_mode", transformation));
        }

        yield return Resize(Random(1, 2, 3, 4, 5), Numbers(1, 1, 2, 1.5, 0.8), ("mode", "linear"));
        foreach (var mode in new[] { "nearest", "linear", "cubic" })
        {
            foreach (var outside in new[] { "zeros", "border", "reflection" })
            {
                foreach (var corners in new[] { 0L, 1L })
                {
                    yield return Row("GridSample", [Random(2, 3, 4, 5), Drawn([2, 3, 4, 2], r => 3 * (r.NextDouble() - 0.5))],
                        ("mode", mode), ("padding_mode", outside), ("align_corners", corners));
                    if (mode != "cubic")
                        yield return Row("GridSample", [Random(2, 2, 3, 4, 5), Drawn([2, 2, 3, 2, 3], r => 3 * (r.NextDouble() - 0.5))],
                            ("mode", mode), ("padding_mode", outside), ("align_corners", corners));
                }
            }
        }

        foreach (var direction in new[] { "forward", "reverse", "bidirectional" })
        {
            var d = direction == "bidirectional" ? 2 : 1;
            var lengths = Of(OnnxElementType.Int32, 4, 2);
            yield return Row("RNN", 2, [Random(4, 2, 3), Random(d, 5, 3), Random(d, 5, 5), Random(d, 10), lengths, Random(d, 2, 5)],
                ("hidden_size", 5L), ("direction", direction), ("clip", 0.7f));
            foreach (var linear in new[] { 0L, 1L })
                yield return Row("GRU", 2, [Random(4, 2, 3), Random(d, 15, 3), Random(d, 15, 5), Random(d, 30), lengths, Random(d, 2, 5)],
                    ("hidden_size", 5L), ("direction", direction), ("linear_before_reset", linear));
            yield return Row("LSTM", 3, [Random(4, 2, 3), Random(d, 20, 3), Random(d, 20, 5), Random(d, 40), lengths, Random(d, 2, 5),
                Random(d, 2, 5), Random(d, 15)],
                ("hidden_size", 5L), ("direction", direction));
            yield return Row("LSTM", 3, [Random(4, 2, 3), Random(d, 20, 3), Random(d, 20, 5)], ("hidden_size", 5L),
                ("direction", direction), ("input_forget", 1L), ("clip", 0.5f));
        }

        foreach (var inverse in new[] { 0L, 1L })
        {
            yield return Row("DFT", [Random(2, 6, 3, 2), Scalar(OnnxElementType.Int64, 8), Scalar(OnnxElementType.Int64, -2)],
                ("inverse", inverse));
            yield return Row("DFT", [Random(2, 6, 3, 2), Scalar(OnnxElementType.Int64, 5), Scalar(OnnxElementType.Int64, 1)],
                ("inverse", inverse));
        }

        yield return Row("DFT", [Random(2, 7, 1), Scalar(OnnxElementType.Int64, 7), Scalar(OnnxElementType.Int64, 1)], ("onesided", 1L));
        yield return Row("STFT", [Random(2, 20, 1), Scalar(OnnxElementType.Int64, 3), Random(6)], ("onesided", 0L));
        yield return Row("STFT", [Random(2, 20, 1), Scalar(OnnxElementType.Int64, 3), Random(6), Scalar(OnnxElementType.Int64, 6)]);
        yield return Row("Col2Im", [Random(1, 12, 12), Whole(6, 7), Whole(2, 3)], ("strides", (long[])[1, 2]),
            ("pads", (long[])[0, 1, 0, 1]), ("dilations", (long[])[3, 1]));
        yield return Row("DeformConv", [Random(2, 4, 6, 5), Random(6, 2, 3, 2), Random(2, 24, 3, 4), Random(6), Random(2, 12, 3, 4)],
            ("group", 2L), ("offset_group", 2L), ("strides", (long[])[2, 1]), ("pads", (long[])[1, 0, 0, 0]));
    }

    private static TestCaseData Resize(OnnxTensor x, OnnxTensor scales, params (string Name, object Value)[] attributes) =>
        Row("Resize", [x, Numbers(), scales], attributes);
}
