using System.Collections.Frozen;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>The operators that a compilation knows: one row for each, found by domain and name.</summary>
/// <remarks>Immutable and safe to use from several threads. A set with more operators is a new one, see <see cref="With(OperatorSet)"/>;
/// it is handed to the compiler by <see cref="GradientOptions.Operators"/>, and nothing is registered globally.</remarks>
public sealed class OperatorSet
{
    private readonly FrozenDictionary<(string Domain, string Name), OperatorDefinition> _rows;
    private readonly FrozenDictionary<(string Domain, string Name), GradientRule[]> _rules;

    private OperatorSet(IEnumerable<OperatorDefinition> rows)
    {
        All = [.. rows];
        _rows = All.ToFrozenDictionary(r => (r.Domain, r.Name));
        Rules =
        [
            .. All.SelectMany(r => r.Gradients.Select(g => g with { Domain = r.Domain, OpType = r.Name, InputNames = r.InputNames })),
        ];
        _rules = Rules.GroupBy(r => (r.Domain, r.OpType))
            .ToFrozenDictionary(g => g.Key, g => g.OrderByDescending(r => r.SinceVersion).ToArray());
    }

    /// <summary>The operators of ai.onnx.</summary>
    public static OperatorSet Standard { get; } = new(Operators.StandardOperators.All);

    /// <summary>The differentiable operators of domain com.microsoft that ONNX Runtime's optimiser and exporters for it write.</summary>
    public static OperatorSet Microsoft { get; } = new OperatorSet([]).With(Operators.MicrosoftOperators.All);

    /// <summary>What is taken where nothing else is asked for: <see cref="Standard"/> and <see cref="Microsoft"/>.</summary>
    public static OperatorSet Default { get; } = Standard.With(Microsoft);

    /// <summary>Every row.</summary>
    public IReadOnlyList<OperatorDefinition> All { get; }

    /// <summary>Every gradient rule, by operator and the version from which its form holds.</summary>
    public IReadOnlyList<GradientRule> Rules { get; }

    /// <summary>This set and further operators. An operator that is there already is replaced.</summary>
    /// <param name="operators">The operators; each name once in its domain.</param>
    /// <exception cref="ArgumentException">An operator is given twice, two of its rules begin with one version, or a rule names an input
    /// that no operator has.</exception>
    public OperatorSet With(params IEnumerable<OperatorDefinition> operators)
    {
        ArgumentNullException.ThrowIfNull(operators);
        var added = new Dictionary<(string, string), OperatorDefinition>();
        foreach (var given in operators)
        {
            var row = given with { Domain = OnnxModel.NormaliseDomain(given.Domain) };
            if (!added.TryAdd((row.Domain, row.Name), row))
                throw new ArgumentException($"Operator {NameOf(row)} is given twice; give each operator once.", nameof(operators));
            if (row.Gradients.GroupBy(g => g.SinceVersion).FirstOrDefault(g => g.Count() > 1) is { } same)
                throw new ArgumentException(
                    $"Operator {NameOf(row)} has {same.Count()} gradient rules from version {same.Key} on; one was expected.",
                    nameof(operators));
            if (row.Gradients.SelectMany(g => g.NonDifferentiableInputs).Order().FirstOrDefault() is < 0 and var wrong)
                throw new ArgumentException(
                    $"Operator {NameOf(row)} has non-differentiable input {wrong}; inputs are counted from 0.", nameof(operators));
        }

        return new OperatorSet(All.Where(r => !added.ContainsKey((r.Domain, r.Name))).Concat(added.Values));
    }

    /// <summary>This set and the operators of another, which replace those that are there already.</summary>
    /// <param name="other">The other set.</param>
    public OperatorSet With(OperatorSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return With(other.All);
    }

    /// <summary>The row of an operator; null where there is none.</summary>
    /// <param name="domain">The operator set's domain; empty (or "ai.onnx") for ai.onnx.</param>
    /// <param name="name">The operator.</param>
    public OperatorDefinition? Find(string domain, string name) => _rows.GetValueOrDefault((OnnxModel.NormaliseDomain(domain), name));

    /// <summary>The gradient rule of an operator; null where there is none.</summary>
    /// <param name="domain">The operator set's domain; empty (or "ai.onnx") for ai.onnx.</param>
    /// <param name="name">The operator.</param>
    /// <param name="version">Version of that operator set that the model imports.</param>
    public GradientRule? FindRule(string domain, string name, int version) =>
        _rules.TryGetValue((OnnxModel.NormaliseDomain(domain), name), out var rules)
            ? Array.Find(rules, r => r.SinceVersion <= version) : null;

    private static string NameOf(OperatorDefinition row) => row.Domain.Length == 0 ? row.Name : $"{row.Domain}.{row.Name}";
}
