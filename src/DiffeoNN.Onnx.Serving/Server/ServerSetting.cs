namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>A setting of a server as people write it: on the command line as <c>--NAME VALUE</c>, in the environment as
/// <c>DIFFEONN_SERVE_NAME</c> (large letters, <c>_</c> for <c>-</c>), in a JSON file as <c>"NAME": VALUE</c>.</summary>
/// <param name="Name">Its word.</param>
/// <param name="Value">What stands for its value in a list of settings.</param>
/// <param name="Description">What it does, with its default.</param>
/// <param name="Apply">Puts a value into options; throws a <see cref="FormatException"/> that says what was expected.</param>
public sealed record ServerSetting(string Name, string Value, string Description, Func<ServerOptions, string, ServerOptions> Apply)
{
    /// <summary>Its name in the environment.</summary>
    public string Variable => $"DIFFEONN_SERVE_{Name.ToUpperInvariant().Replace('-', '_')}";

    /// <summary>Whether it is true or false, and may stand without a value on the command line.</summary>
    public bool IsFlag => Value == "true|false";
}
