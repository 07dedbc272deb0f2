namespace DiffeoNN.Onnx.Search;

/// <summary>When the map found for an image is used. Under either rule a map that fails its certificate, or whose energy is not finite, is
/// refused.</summary>
public enum AcceptanceRule
{
    /// <summary>Only where the image was not canonical already, and the energy fell enough.</summary>
    Checked,

    /// <summary>Whatever the energies say.</summary>
    Always,
}
