namespace DiffeoNN.Onnx.Answers;

/// <summary>An axis-aligned box, in pixels of the image it is for; (0, 0) is the centre of the top left pixel.</summary>
/// <param name="Left">Smallest column, possibly fractional or outside the image.</param>
/// <param name="Top">Smallest row.</param>
/// <param name="Right">Largest column.</param>
/// <param name="Bottom">Largest row.</param>
public sealed record AnswerBox(double Left, double Top, double Right, double Bottom)
{
    /// <summary>How sure the network is; null where it does not say.</summary>
    public float? Score { get; init; }

    /// <summary>The class; null where the network knows none.</summary>
    public int? Class { get; init; }

    /// <summary>Width times height.</summary>
    public double Area => (Right - Left) * (Bottom - Top);

    /// <summary>Area of the intersection with another box over that of their union; 0 where both are empty.</summary>
    /// <param name="other">The other box.</param>
    public double Iou(AnswerBox other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var both = Math.Max(0, Math.Min(Right, other.Right) - Math.Max(Left, other.Left))
            * Math.Max(0, Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top));
        var union = Area + other.Area - both;
        return union > 0 ? both / union : 0;
    }

    /// <summary>The smallest box around the corners and the middles of the edges, each moved.</summary>
    internal AnswerBox Moved(Func<(double Column, double Row), (double Column, double Row)> move)
    {
        double column = (Left + Right) / 2, row = (Top + Bottom) / 2;
        (double Column, double Row)[] places =
        [
            (Left, Top), (column, Top), (Right, Top), (Left, row), (Right, row), (Left, Bottom), (column, Bottom), (Right, Bottom),
        ];
        var moved = Array.ConvertAll(places, place => move(place));
        return this with
        {
            Left = moved.Min(place => place.Column),
            Top = moved.Min(place => place.Row),
            Right = moved.Max(place => place.Column),
            Bottom = moved.Max(place => place.Row),
        };
    }
}
