using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes the way from images of the bundle's size to what is used of them: energies, candidates, maps, verdicts.</summary>
/// <param name="writer">The graph.</param>
/// <param name="bundle">The bundle.</param>
/// <param name="plan">How it searches.</param>
/// <param name="networks">Its networks.</param>
internal sealed class ExportGraph(GraphWriter writer, Bundle bundle, SearchPlan plan, ExportNetworks networks)
{
    private readonly SamplingGrid _grid = new(bundle.Image.Height, bundle.Image.Width);
    private readonly FieldOperators _fields = FieldsOf(writer, new SamplingGrid(bundle.Image.Height, bundle.Image.Width));
    private readonly SearchSpec _options = plan.Usual;

    /// <summary>How many maps are judged for an image.</summary>
    public int MapsOfImage => Proposed + (TakesSteps ? 1 : 0);

    /// <summary>What the answer of the last map weighs; those before it weigh 1.</summary>
    public double LastWeight => TakesSteps && networks.Proposer is not null ? plan.FromIdentity.SearchWeight : 1;

    /// <summary>The fields' operators.</summary>
    public FieldOperators Fields => _fields;

    /// <summary>The image's grid.</summary>
    public SamplingGrid Grid => _grid;

    private bool TakesSteps => _options.Steps > 0 || networks.Proposer is null;

    // Of the proposals, all count where answers are averaged, the last where nothing follows it.
    private int Proposed => networks.Proposer is null ? 0 : plan.Average ? plan.Passes : TakesSteps ? 0 : 1;

    /// <summary>What is known of candidates, the images that may be moved: R of the N there are, M maps each, map by map.</summary>
    /// <param name="Energies">Of the images as they are, (N).</param>
    /// <param name="Index">Which images are candidates, (R), int64: at least one, which is none where there is none.</param>
    /// <param name="Images">The candidates, (R, C, H, W).</param>
    /// <param name="Maps">Their maps, (M * R, 2, P), in the kernel's units.</param>
    /// <param name="Canonical">Where they lead, (M * R, C, H, W).</param>
    /// <param name="Found">Energies there, (M * R).</param>
    /// <param name="Accepted">Which maps count, (M * R), bool.</param>
    /// <param name="Candidates">Which of the candidates are, (R), bool.</param>
    public sealed record Verdict(
        string Energies, string Index, string Images, ExportMaps.Maps Maps, string Canonical, string Found, string Accepted,
        string Candidates);

    /// <summary>Writes it.</summary>
    /// <param name="image">(N, C, H, W).</param>
    public Verdict Write(string image)
    {
        var maps = new ExportMaps(_fields, _grid, bundle.Image.Channels, _options);
        string energies, candidates, index, images;
        using (writer.Scope("energy"))
            energies = Energy(image);
        using (writer.Scope("candidates"))
        {
            candidates = IsFinite(energies);
            if (plan.FromIdentity is { Accept: AcceptanceRule.Checked, CanonicalBelow: { } below })
                candidates = writer.And(candidates, writer.Op("Greater", [energies, writer.Scalar(ExportNumbers.Below(below))]));
            index = writer.Where(candidates);
            // Runtimes differ in what they make of no rows at all: where there is no candidate, the first image stands for one.
            var none = writer.Op("Sub", [writer.Ints(1), writer.Op("Min", [writer.Count(index), writer.Ints(1)])]);
            index = writer.Concat(0, index, writer.Op("Slice", [writer.Ints(0), writer.Ints(0), none, writer.Ints(0)]));
            images = writer.Rows(image, index);
        }

        List<(ExportMaps.Paced Paced, ExportMaps.Maps Maps, string Canonical)> found = [];
        string? start = null;
        if (networks.Proposer is not null)
            start = new ExportProposals(writer, _fields, bundle, plan, networks.Proposer).Write(
                images, maps, Proposed, found);
        string? proposed = null;
        if (TakesSteps)
        {
            using var scope = writer.Scope("search");
            if (start is not null && _options.JudgesStart)
                proposed = Energy(found.Count > 0 ? found[^1].Canonical : Warped(images, maps, start));
            var search = new ExportSearch(writer, _fields, _grid, bundle.Image.Channels, _options, networks);
            var paced = maps.Pace(search.Write(images, start));
            var both = maps.Both(paced.Velocity, paced.Extra);
            found.Add((paced, both, maps.Warped(images, both.Forward)));
        }

        return Judge(energies, candidates, index, images, maps, found, proposed);
    }

    private string Warped(string images, ExportMaps maps, string velocity)
    {
        var paced = maps.Pace(velocity);
        return maps.Warped(images, maps.Exp(paced.Velocity, paced.Extra));
    }

    /// <param name="energies">Of the images as they are, (N).</param>
    /// <param name="candidates">Which of the images are, (N), bool.</param>
    /// <param name="index">The candidates, (R).</param>
    /// <param name="images">(R, C, H, W).</param>
    /// <param name="maps">Writes maps.</param>
    /// <param name="found">The maps.</param>
    /// <param name="proposed">Energies that the search started with, (R): what the last map is judged by where they are higher; null for
    /// nothing else than its own.</param>
    private Verdict Judge(
        string energies, string candidates, string index, string images, ExportMaps maps,
        List<(ExportMaps.Paced Paced, ExportMaps.Maps Maps, string Canonical)> found, string? proposed)
    {
        string Stacked(Func<(ExportMaps.Paced Paced, ExportMaps.Maps Maps, string Canonical), string> part) =>
            found is [var only] ? part(only) : writer.Concat(0, [.. found.Select(part)]);
        ExportMaps.Maps all;
        string canonical, certified, after;
        using (writer.Scope("certificate"))
        {
            var paced = new ExportMaps.Paced(
                Stacked(one => one.Paced.Velocity), Stacked(one => one.Paced.Alive), Stacked(one => one.Paced.Extra));
            (all, canonical, certified) = maps.Repaired(
                images, paced, new ExportMaps.Maps(Stacked(one => one.Maps.Forward), Stacked(one => one.Maps.Inverse)),
                Stacked(one => one.Canonical));
        }

        using (writer.Scope("canonical_energy"))
            after = Energy(canonical);
        using (writer.Scope("acceptance"))
        {
            string Repeated(string value) =>
                found.Count == 1 ? value : writer.Concat(0, [.. Enumerable.Repeat(value, found.Count)]);
            var own = writer.Rows(candidates, index);
            var accepted = writer.And(writer.And(certified, IsFinite(after)), Repeated(own));
            if (plan.FromIdentity.Accept == AcceptanceRule.Checked)
            {
                var before = Repeated(writer.Rows(energies, index));
                var judged = proposed is null ? after : writer.Op("Max", [after, Last(proposed, found.Count)]);
                var decrease = writer.Sub(before, judged);
                var asked = writer.Mul(writer.Op("Abs", [before]), writer.Scalar(_options.MinimumDecrease));
                accepted = writer.And(accepted, writer.And(
                    writer.Op("Greater", [decrease, writer.Scalar(0)]), writer.Op("GreaterOrEqual", [decrease, asked])));
            }

            return new Verdict(energies, index, images, all, canonical, after, accepted, own);
        }
    }

    /// <summary>Values of the last map's rows, (M * R), and for those before it nothing that any number is below.</summary>
    private string Last(string values, int maps)
    {
        if (maps == 1)
            return values;
        var none = writer.Op("Expand", [writer.Scalar(float.MinValue), writer.Op("Shape", [values])]);
        return writer.Concat(0, [.. Enumerable.Repeat(none, maps - 1), values]);
    }

    private static FieldOperators FieldsOf(GraphWriter writer, SamplingGrid grid)
    {
        using var scope = writer.Scope("positions");
        return new FieldOperators(writer, grid, positions: SamplingOperators.WritePositions(writer, grid));
    }

    private string IsFinite(string values) =>
        writer.Op("LessOrEqual", [writer.Op("Abs", [values]), writer.Scalar(float.MaxValue)]);

    private string Energy(string images)
    {
        var weights = networks.Composed.WeightInputs.ToDictionary(
            input => input.Key, input => writer.Scalar(EnergyGraph.ValueOf(input.Key, plan.FromIdentity)), StringComparer.Ordinal);
        return networks.Energy.Append(writer, "networks", images, weights)[EnergyComposer.EnergyOutput];
    }
}
