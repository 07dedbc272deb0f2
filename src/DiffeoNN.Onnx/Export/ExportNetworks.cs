using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>What of a bundle goes into an exported file, all of one version of the operator set.</summary>
internal sealed class ExportNetworks
{
    private ExportNetworks(ComposedEnergy composed, ExportNetwork energy, ExportNetwork inner, ExportNetwork? proposer, int opset)
    {
        (Composed, Energy, Inner, Proposer, Opset) = (composed, energy, inner, proposer, opset);
    }

    /// <summary>The energy as a model.</summary>
    public ComposedEnergy Composed { get; }

    /// <summary>The energy of images, without its gradient.</summary>
    public ExportNetwork Energy { get; }

    /// <summary>The network that is wrapped.</summary>
    public ExportNetwork Inner { get; }

    /// <summary>The proposer; null where none is asked.</summary>
    public ExportNetwork? Proposer { get; }

    /// <summary>The version of the file.</summary>
    public int Opset { get; }

    /// <summary>What whoever runs the file should know.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Loads networks and refuses what cannot be exported.</summary>
    /// <exception cref="ExportException">Something cannot; it is named.</exception>
    public static ExportNetworks Load(Bundle bundle, SearchPlan plan, int? asked)
    {
        bundle.RequireEnergy();
        Check(bundle, plan, asked);
        foreach (var role in new[] { BundleRole.Vae, BundleRole.Critic, BundleRole.Energy }.Where(bundle.Has))
            ExportNetwork.RequireFreeBatch(bundle, role, bundle.LoadFreed(role).Format);
        var inner = ExportNetwork.Load(bundle, BundleRole.Inner);
        var proposer = plan.AsksProposer ? ExportNetwork.Load(bundle, BundleRole.Proposer) : null;
        var composed = EnergyComposer.ComposeValues(bundle, plan.WeighsEntropy);
        var energy = new ExportNetwork(composed.ValueModel, EnergyComposer.Input);
        var parts = new (string Name, ExportNetwork? Network)[]
        {
            ("network inner", inner), ("network proposer", proposer), ("an energy network", energy),
        };
        var (newest, by) = parts.Where(part => part.Network is not null)
            .Select(part => (part.Network!.Opset, part.Name)).MaxBy(part => part.Opset);
        if (asked < newest)
            throw new ExportException(
                $"Bundle '{bundle.Name}': opset {asked} was asked for, and {by} is of opset {newest}; "
                + (newest > ExportOptions.NewestOpset ? "leave the opset out" : $"ask for {newest} or later")
                + ", or export the network for an older opset.");
        var opset = asked ?? Math.Max(ExportOptions.UsualOpset, newest);
        var networks = new ExportNetworks(composed, energy.At(opset), inner.At(opset), proposer?.At(opset), opset);
        if (asked is null && newest > ExportOptions.UsualOpset)
            networks.Warnings.Add($"The file is of opset {newest}, since {by} is; runtimes that only know older ones refuse it.");
        // As they are written: functions are inlined.
        foreach (var (name, network) in parts.Select(part => part.Name).Zip([networks.Inner, networks.Proposer, networks.Energy]))
        {
            foreach (var operators in network?.OtherOperators() ?? [])
            {
                networks.Warnings.Add(
                    $"The file is not standard ONNX: {name} has operators of {operators}; only runtimes that know these run it.");
            }
        }

        return networks;
    }

    private static void Check(Bundle bundle, SearchPlan plan, int? asked)
    {
        ExportException Refuse(string what) => new($"Bundle '{bundle.Name}' cannot be exported: {what}");
        if (asked is < ExportOptions.OldestOpset or > ExportOptions.NewestOpset)
        {
            throw new ExportException(
                $"Opset {asked} was asked for; {ExportOptions.OldestOpset} to {ExportOptions.NewestOpset} can be written.");
        }

        if (plan.Start == StartPoint.Multi)
            throw Refuse("it searches from several starts (start multi); choose start identity or proposer.");
        if (plan.FromIdentity.Padding == Fields.WarpPadding.Reflection)
            throw Refuse("its images are mirrored at their border (padding reflection); zeros and border can be written.");
        if (plan.FromIdentity.TimeBudget is not null)
            throw Refuse("its search ends after a time (timeBudget), which a graph does not know; bound its steps.");
        var models = bundle.Manifest.Models;
        if (models.Inner.Further.Count > 0)
            throw Refuse($"its network has {models.Inner.Outputs.Count} outputs, and one is carried back; name one in the manifest.");
        var output = models.Inner.Output;
        if (AnswerKinds.Of(output).OnDevice == DeviceForm.None)
            throw Refuse(
                $"its answers are {AnswerKinds.Of(output).Name} (output '{output.Name}'); segmentations, pictures, classifications and "
                + "regressions can be.");
        if (bundle.InputOf(BundleRole.Inner) is { HasOwnPixels: true } own)
            throw Refuse(
                $"its network takes {own.Channels}x{own.Height}x{own.Width}, the bundle's images are "
                + $"{bundle.Image.Channels}x{bundle.Image.Height}x{bundle.Image.Width}; they must be the same.");
    }
}
