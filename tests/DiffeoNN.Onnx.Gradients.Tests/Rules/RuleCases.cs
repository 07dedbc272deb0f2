namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>The table of rule tests.</summary>
internal static partial class RuleCases
{
    public static IReadOnlyList<RuleCase> All { get; } =
    [
        .. Elementwise(),
        .. Shaping(),
        .. Indexing(),
        .. Reducing(),
        .. Linear(),
        .. Spatial(),
        .. Samplings(),
        .. Recurrent(),
        .. Attending(),
        .. Rotating(),
        .. Spectra(),
        .. Normalising(),
        .. Losses(),
        .. Scanning(),
        .. Quantised(),
        .. Determinants(),
        .. Oldest(),
        .. Microsoft(),
    ];

    private static OnnxAttribute I(string name, long value) => OnnxAttribute.Of(name, value);

    private static OnnxAttribute F(string name, float value) => OnnxAttribute.Of(name, value);

    private static OnnxAttribute S(string name, string value) => OnnxAttribute.Of(name, value);

    private static OnnxAttribute L(string name, params long[] values) => OnnxAttribute.Of(name, values);

    private static OnnxAttribute Fs(string name, params float[] values) => OnnxAttribute.Of(name, values);

    private static OnnxAttribute Ss(string name, params string[] values) => OnnxAttribute.Of(name, values);
}
