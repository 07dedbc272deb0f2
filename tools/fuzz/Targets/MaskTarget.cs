using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Fuzz.Targets;

/// <summary>Masks, read from files and told apart by their rules, two classes and more.</summary>
internal sealed class MaskTarget(string folder) : ImageTarget
{
    private readonly string _path = Path.Combine(folder, "mask.png");

    public override string Read(byte[] input)
    {
        File.WriteAllBytes(_path, input);
        var mask = MaskFile.Read(_path);
        var result = $"depth {mask.Depth} {mask.Palette is null} {mask.IsLossy}";
        foreach (var classes in (int[])[2, 5, 256])
        {
            var rules = new MaskRules(classes);
            rules.Learn(mask, _path);
            try
            {
                result += $" {rules.Read(mask, _path).Height > 0}";
            }
            catch (DataException)
            {
                result += " refused";
            }
        }

        return result;
    }
}
