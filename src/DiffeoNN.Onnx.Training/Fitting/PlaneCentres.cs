namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Where the pixels of planes lie that divide an image evenly: the planes of a network that answers at a fraction of its image's
/// resolution. Fields, which have nodes on the image's outermost pixels, are read and scaled for them.</summary>
/// <param name="Height">Rows of the planes, at least 2.</param>
/// <param name="Width">Columns of the planes, at least 2.</param>
/// <param name="SeenHeight">Rows of the image that the network sees.</param>
/// <param name="SeenWidth">Its columns.</param>
internal readonly record struct PlaneCentres(int Height, int Width, int SeenHeight, int SeenWidth)
{
    /// <summary>Whether the planes have the image's pixels.</summary>
    public bool AreThose => Height == SeenHeight && Width == SeenWidth;

    /// <summary>What makes of a displacement in units that span [-1, 1] over the image's pixels, along x, one over the planes'.</summary>
    public double ScaleX => Scale(Width, SeenWidth);

    /// <summary>As <see cref="ScaleX"/>, along y.</summary>
    public double ScaleY => Scale(Height, SeenHeight);

    /// <summary>Linear interpolation of a field's rows at the planes' rows: (Height, nodes), row by row.</summary>
    public float[] Rows(int nodes) => Weights(nodes, Height, SeenHeight, transposed: false);

    /// <summary>The same of columns, transposed: (nodes, Width).</summary>
    public float[] Columns(int nodes) => Weights(nodes, Width, SeenWidth, transposed: true);

    private static double Scale(int size, int seen) => (seen - 1.0) * size / (seen * (size - 1.0));

    private static float[] Weights(int nodes, int size, int seen, bool transposed)
    {
        var weights = new float[nodes * size];
        for (var i = 0; i < size; i++)
        {
            var pixel = Math.Clamp(((i + 0.5) * seen / size) - 0.5, 0, seen - 1);
            var place = pixel / (seen - 1) * (nodes - 1);
            var cell = Math.Min((int)place, nodes - 2);
            void Set(int node, double weight) => weights[transposed ? (node * size) + i : (i * nodes) + node] = (float)weight;
            Set(cell, 1 - (place - cell));
            Set(cell + 1, place - cell);
        }

        return weights;
    }
}
