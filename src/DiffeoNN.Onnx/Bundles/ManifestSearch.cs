using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>The parts of a manifest that tell searches what to do, read and written by the rows of <see cref="SearchSpec"/>.</summary>
internal static class ManifestSearch
{
    private const string RefinementName = "refinement";

    /// <summary>What a manifest says.</summary>
    /// <param name="root">The manifest, its fields declared.</param>
    /// <param name="models">The weights of the roles that are there must be given; forgetting one would silently drop its term.</param>
    public static SearchSpec Read(ManifestNode root, BundleModels models)
    {
        HashSet<string> roles = [.. models.Present().Select(pair => BundleValidator.Title(pair.Key))];
        // Weights of energies that are still to come may be there already.
        var weights = models.HasEnergy ? root.Required("energy") : root.Optional("energy");
        var spec = weights is null ? new SearchSpec() : Read(new SearchSpec(), weights, [.. Of(SearchSection.Energy)], roles);
        if (root.Optional("optimiser") is { } optimiser)
        {
            spec = Read(spec, optimiser, [.. Of(SearchSection.Optimiser)], [], RefinementName);
            if (optimiser.Optional(RefinementName) is { } refinement)
                spec = spec with { Refinement = Read(new SearchSpec(), refinement, [.. Refinable()], []) };
        }

        return root.Optional("acceptance") is { } acceptance ? Read(spec, acceptance, [.. Of(SearchSection.Acceptance)], []) : spec;
    }

    /// <summary>A part as the manifest has it; null where there is nothing to say, unless it may not be absent.</summary>
    /// <param name="spec">What the manifest says of searches.</param>
    /// <param name="section">The part.</param>
    /// <param name="isNeeded">Whether it may not be absent.</param>
    public static JsonObject? Write(SearchSpec spec, SearchSection section, bool isNeeded = false)
    {
        var json = spec.ToJson(setting => setting.Section == section);
        if (section == SearchSection.Optimiser && spec.Refinement is { } refinement)
            json[RefinementName] = refinement.ToJson(setting => setting.IsRefinable);
        return json.Count > 0 || isNeeded ? json : null;
    }

    private static SearchSpec Read(
        SearchSpec spec, ManifestNode node, SearchSetting[] settings, HashSet<string> roles, params string[] others)
    {
        node.Object([.. settings.Select(setting => setting.Name), .. others]);
        foreach (var setting in settings)
        {
            var isNeeded = setting.NeededBy is { } role && roles.Contains(role);
            if ((isNeeded ? node.Required(setting.Name) : node.Optional(setting.Name)) is { } field)
                spec = spec.With(setting, field.Setting(setting));
        }

        return spec;
    }

    private static IEnumerable<SearchSetting> Of(SearchSection section) =>
        SearchSpec.Settings.Where(setting => setting.Section == section);

    private static IEnumerable<SearchSetting> Refinable() => SearchSpec.Settings.Where(setting => setting.IsRefinable);
}
