using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Shapes;

/// <summary>Pose, sizes and intensities of one drawn figure; see <see cref="ShapesGenerator"/> for the layout and the ranges.</summary>
internal sealed class ShapesFigure
{
    private const double HalfSide = 0.60;
    private const double PartOffset = 0.27;
    private const double PartRadius = 0.15;
    private const double RingHole = 0.5;

    // Half the side of a square, and the circumradius of a triangle, of about a disc's area.
    private const double SquareSide = 0.88;
    private const double TriangleRadius = 1.4;

    private readonly Part[] _parts = new Part[4];
    private double _centreX, _centreY, _cosine, _sine, _scaleX, _scaleY, _cornerRadius, _background, _body;

    private enum PartKind
    {
        Disc,
        Square,
        Triangle,
        Ring,
    }

    /// <summary>Draws a figure; the order of the numbers is part of the format.</summary>
    public static ShapesFigure Draw(SplitMix64 random)
    {
        var figure = new ShapesFigure { _centreX = random.Uniform(-0.03, 0.03), _centreY = random.Uniform(-0.03, 0.03) };
        double scale = random.Uniform(0.93, 1.07), aspect = random.Uniform(0.97, 1.03), t = random.Uniform(-0.02, 0.02);
        figure._scaleX = scale * aspect;
        figure._scaleY = scale / aspect;
        // Sine and cosine from the tangent of half the angle: the same bits everywhere, which libraries' sin and cos do not promise.
        figure._cosine = (1 - (t * t)) / (1 + (t * t));
        figure._sine = 2 * t / (1 + (t * t));
        figure._cornerRadius = random.Uniform(0.14, 0.22);
        for (var i = 0; i < 4; i++)
            figure._parts[i] = new Part(
                (PartKind)i,
                (i % 2 == 0 ? -PartOffset : PartOffset) + random.Uniform(-0.02, 0.02),
                (i < 2 ? -PartOffset : PartOffset) + random.Uniform(-0.02, 0.02),
                PartRadius * random.Uniform(0.9, 1.1),
                0);
        figure._background = random.Uniform(0.10, 0.22);
        figure._body = random.Uniform(0.40, 0.52);
        for (var i = 0; i < 4; i++) figure._parts[i] = figure._parts[i] with { Intensity = random.Uniform(0.72, 0.92) };
        return figure;
    }

    /// <summary>Intensity at a point of the image, and whether it lies in the body and in the target.</summary>
    public (double Intensity, bool InBody, bool InTarget) At(double x, double y)
    {
        double dx = x - _centreX, dy = y - _centreY;
        var u = ((_cosine * dx) + (_sine * dy)) / _scaleX;
        var v = ((_cosine * dy) - (_sine * dx)) / _scaleY;
        if (!InBody(u, v)) return (_background, false, false);
        foreach (var part in _parts)
            if (part.Contains(u, v))
                return (part.Intensity, true, u * v < 0);
        return (_body, true, u * v < 0);
    }

    private bool InBody(double u, double v)
    {
        var inner = HalfSide - _cornerRadius;
        double outU = Math.Max(Math.Abs(u) - inner, 0), outV = Math.Max(Math.Abs(v) - inner, 0);
        return (outU * outU) + (outV * outV) <= _cornerRadius * _cornerRadius;
    }

    private readonly record struct Part(PartKind Kind, double X, double Y, double Radius, double Intensity)
    {
        public bool Contains(double u, double v)
        {
            double x = u - X, y = v - Y, squared = (x * x) + (y * y), r = Radius;
            switch (Kind)
            {
                case PartKind.Disc:
                    return squared <= r * r;
                case PartKind.Square:
                    return Math.Max(Math.Abs(x), Math.Abs(y)) <= SquareSide * r;
                case PartKind.Ring:
                    return squared <= 1.2 * r * r && squared >= 1.2 * RingHole * RingHole * r * r;
                default:
                    // An upright equilateral triangle about its centroid: apex at y = -R, base at y = R / 2.
                    var circumradius = TriangleRadius * r;
                    return y <= circumradius / 2 && (1.7320508075688772 * Math.Abs(x)) - y <= circumradius;
            }
        }
    }
}
