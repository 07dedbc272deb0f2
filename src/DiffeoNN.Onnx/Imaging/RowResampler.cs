namespace DiffeoNN.Onnx.Imaging;

/// <summary>Changes the size of one plane whose rows come one by one, as <see cref="ImageResampler"/> does; memory is that of the
/// result.</summary>
/// <param name="sourceHeight">Rows that come.</param>
/// <param name="sourceWidth">Columns of each.</param>
/// <param name="height">Rows wanted.</param>
/// <param name="width">Columns wanted.</param>
internal sealed class RowResampler(int sourceHeight, int sourceWidth, int height, int width)
{
    private readonly (int First, double[] Weights)[] _alongX = ImageResampler.Taps(sourceWidth, width);
    private readonly (int First, double[] Weights)[] _alongY = ImageResampler.Taps(sourceHeight, height);
    private readonly double[] _line = new double[width];
    private readonly double[] _sums = new double[(long)height * width];
    private int _row;
    private int _firstOpen;

    /// <summary>Takes the next row.</summary>
    public void Add(ReadOnlySpan<float> row)
    {
        for (var column = 0; column < width; column++)
        {
            var (first, weights) = _alongX[column];
            double sum = 0;
            for (var k = 0; k < weights.Length; k++) sum += weights[k] * row[first + k];
            _line[column] = sum;
        }

        // Both ends of the kernels only rise from row to row of the result.
        while (_firstOpen < height && _alongY[_firstOpen].First + _alongY[_firstOpen].Weights.Length <= _row) _firstOpen++;
        for (var target = _firstOpen; target < height && _alongY[target].First <= _row; target++)
        {
            var weight = _alongY[target].Weights[_row - _alongY[target].First];
            var sums = _sums.AsSpan(target * width, width);
            for (var column = 0; column < width; column++) sums[column] += weight * _line[column];
        }

        _row++;
    }

    /// <summary>Hands out the result and starts afresh.</summary>
    /// <param name="plane">Of the wanted size.</param>
    /// <exception cref="InvalidOperationException">Not all rows have come.</exception>
    public void Finish(Span<float> plane)
    {
        if (_row != sourceHeight) throw new InvalidOperationException($"{_row} of {sourceHeight} rows have come.");
        for (var i = 0; i < plane.Length; i++) plane[i] = (float)_sums[i];
        Array.Clear(_sums);
        (_row, _firstOpen) = (0, 0);
    }
}
