using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>
/// A size of a shape, or an integer computed from sizes: a number, or a polynomial of symbols with integer coefficients.
/// What is no polynomial (a rounded quotient) becomes a symbol of its own, named by its formula, so that equal formulas stay equal.
/// </summary>
public sealed class Dim : IEquatable<Dim>
{
    /// <summary>Longer formulas are kept as a symbol, so that no model makes them grow without bound.</summary>
    private const int LongestFormula = 1000;

    private readonly SortedDictionary<string, long> _terms;
    private readonly string _text;

    private Dim(SortedDictionary<string, long> terms)
    {
        _text = Format(terms);
        if (_text.Length > LongestFormula)
        {
            // Equal formulas have equal hashes: what is equal stays equal.
            _text = $"formula_{System.Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(_text)))[..32]}";
            terms = new SortedDictionary<string, long>(StringComparer.Ordinal) { [_text] = 1 };
        }

        _terms = terms;
        IsConstant = terms.Count == 0 || (terms.Count == 1 && terms.ContainsKey(""));
        Constant = IsConstant ? terms.GetValueOrDefault("") : 0;
    }

    /// <summary>The size 1.</summary>
    public static Dim One { get; } = Of(1);

    /// <summary>Whether the number is known.</summary>
    public bool IsConstant { get; }

    /// <summary>The number; 0 where it is not known.</summary>
    internal long Constant { get; }

    /// <summary>The size; null where it is not known.</summary>
    public long? Size => IsConstant ? Constant : null;

    /// <summary>The symbols it is made of; a rounded quotient is one.</summary>
    internal IEnumerable<string> Symbols => _terms.Keys.Where(term => term.Length > 0).SelectMany(term => term.Split('·')).Distinct();

    /// <summary>A known size.</summary>
    public static implicit operator Dim(long value) => Of(value);

    /// <summary>The sum.</summary>
    public static Dim operator +(Dim a, Dim b) => Combine(a, b, 1);

    /// <summary>The difference.</summary>
    public static Dim operator -(Dim a, Dim b) => Combine(a, b, -1);

    /// <summary>The product.</summary>
    public static Dim operator *(Dim a, Dim b)
    {
        var terms = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (left, x) in a._terms)
        {
            foreach (var (right, y) in b._terms)
                Accumulate(terms, Product(left, right), checked(x * y));
        }

        return new Dim(terms);
    }

    /// <summary>A known size.</summary>
    public static Dim Of(long value)
    {
        var terms = new SortedDictionary<string, long>(StringComparer.Ordinal);
        Accumulate(terms, "", value);
        return new Dim(terms);
    }

    /// <summary>A size that is not known, by a name: equal names are equal sizes.</summary>
    public static Dim Symbol(string name) => new(new SortedDictionary<string, long>(StringComparer.Ordinal) { [name] = 1 });

    /// <summary>The quotient where the division leaves nothing for certain; null otherwise.</summary>
    public static Dim? DivideExactly(Dim a, Dim b)
    {
        if (a.Equals(b))
            return One;
        if (b._terms.Count != 1)
            return null;
        var (factors, coefficient) = b._terms.First();
        var terms = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (term, value) in a._terms)
        {
            var rest = term.Length == 0 ? [] : term.Split('·').ToList();
            if (value % coefficient != 0 || (factors.Length > 0 && !factors.Split('·').All(rest.Remove)))
                return null;
            Accumulate(terms, string.Join('·', rest), value / coefficient);
        }

        return new Dim(terms);
    }

    /// <summary>The quotient rounded down.</summary>
    public static Dim FloorDivide(Dim a, Dim b)
    {
        if (a.IsConstant && b.IsConstant && b.Constant != 0)
            return Of((long)Math.Floor((decimal)a.Constant / b.Constant));
        return (b.IsConstant && b.Constant == 0 ? null : DivideExactly(a, b)) ?? Symbol($"floor(({a})/({b}))");
    }

    /// <summary>Whether this differs from another dimension whatever the symbols stand for (sizes of at least 1).</summary>
    public bool SurelyDiffers(Dim other) => (this - other) is { IsConstant: true, Constant: not 0 };

    /// <summary>Whether both are equal whatever the symbols stand for.</summary>
    public bool Equals(Dim? other) => other is not null && _text == other._text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Dim);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(_text);

    /// <summary>The number or the formula.</summary>
    public override string ToString() => _text;

    private static Dim Combine(Dim a, Dim b, long sign)
    {
        var terms = new SortedDictionary<string, long>(a._terms, StringComparer.Ordinal);
        foreach (var (term, value) in b._terms)
            Accumulate(terms, term, checked(sign * value));
        return new Dim(terms);
    }

    private static void Accumulate(SortedDictionary<string, long> terms, string term, long value)
    {
        var sum = checked(terms.GetValueOrDefault(term) + value);
        if (sum == 0)
            terms.Remove(term);
        else
            terms[term] = sum;
    }

    private static string Product(string a, string b) =>
        a.Length == 0 ? b : b.Length == 0 ? a : string.Join('·', a.Split('·').Concat(b.Split('·')).Order(StringComparer.Ordinal));

    private static string Format(SortedDictionary<string, long> terms) => terms.Count == 0 ? "0" : string.Join(" + ", terms.Select(t =>
        t.Key.Length == 0 ? t.Value.ToString(CultureInfo.InvariantCulture) : t.Value == 1 ? t.Key : $"{t.Value}·{t.Key}"));
}
