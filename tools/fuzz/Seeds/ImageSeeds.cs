using System.Buffers.Binary;
using System.IO.Compression;
using BitMiracle.LibTiff.Classic;
using DiffeoNN.Onnx.Fuzz.Mutations;
using SkiaSharp;

namespace DiffeoNN.Onnx.Fuzz.Seeds;

/// <summary>Small image files of every kind that is read.</summary>
internal static class ImageSeeds
{
    private const int Width = 7, Height = 5;

    public static IReadOnlyList<byte[]> All() => [.. Pngs(), .. Others(), Bmp(24), Bmp(8), Bmp(1), Gif(), .. Tiffs()];

    private static IEnumerable<byte[]> Pngs()
    {
        foreach (var interlaced in (bool[])[false, true])
            foreach (var colour in (int[])[0, 2, 3, 4, 6])
                foreach (var depth in colour switch { 0 => new[] { 1, 2, 4, 8, 16 }, 3 => [1, 2, 4, 8], _ => [8, 16] })
                    yield return Png(colour, depth, interlaced);
    }

    private static byte[] Png(int colour, int depth, bool interlaced)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Height);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colour, interlaced ? (byte)1 : (byte)0);
        var samples = colour switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        (int X, int Y, int StepX, int StepY)[] passes = interlaced
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] : [(0, 0, 1, 1)];
        using var stream = new MemoryStream();
        using (var deflate = new ZLibStream(stream, CompressionLevel.Fastest, leaveOpen: true))
            foreach (var (x, y, stepX, stepY) in passes)
                for (var row = y; row < Height && x < Width; row += stepY)
                {
                    var columns = (Width - x + stepX - 1) / stepX;
                    deflate.WriteByte((byte)(row % 5));
                    for (var i = 0; i < ((columns * samples * depth) + 7) / 8; i++)
                        deflate.WriteByte(depth == 8 ? (byte)(i % 2) : (byte)((37 * i) + row));
                }

        byte[] palette = [.. Enumerable.Range(0, 3 << Math.Min(depth, 8)).Select(i => (byte)(85 * i))];
        var chunks = new List<(byte[], byte[])> { ("IHDR"u8.ToArray(), header) };
        if (colour == 3) chunks.Add(("PLTE"u8.ToArray(), palette));
        if (colour == 3) chunks.Add(("tRNS"u8.ToArray(), [0, 128]));
        if (colour is 0 or 2) chunks.Add(("tRNS"u8.ToArray(), new byte[2 * samples]));
        chunks.Add(("IDAT"u8.ToArray(), stream.ToArray()));
        chunks.Add(("IEND"u8.ToArray(), []));
        return PngPieces.Join(chunks);
    }

    private static IEnumerable<byte[]> Tiffs()
    {
        foreach (var compression in (Compression[])[Compression.NONE, Compression.LZW, Compression.ADOBE_DEFLATE, Compression.PACKBITS])
            foreach (var bits in (int[])[8, 16])
                foreach (var samples in (int[])[1, 3])
                    foreach (var tiled in (bool[])[false, true])
                        yield return Tiff(compression, bits, samples, tiled);
    }

    /// <summary>Strips of two rows, or one tile; compressed ones with differences of neighbours; byte order by depth.</summary>
    private static byte[] Tiff(Compression compression, int bits, int samples, bool tiled)
    {
        const int TileSide = 16;
        var stream = new MemoryStream();
        using (var file = BitMiracle.LibTiff.Classic.Tiff.ClientOpen("seed", bits == 8 ? "wl" : "wb", stream, new TiffStream()))
        {
            file.SetField(TiffTag.IMAGEWIDTH, Width);
            file.SetField(TiffTag.IMAGELENGTH, Height);
            file.SetField(TiffTag.BITSPERSAMPLE, bits);
            file.SetField(TiffTag.SAMPLESPERPIXEL, samples);
            file.SetField(TiffTag.PHOTOMETRIC, samples == 1 ? Photometric.MINISBLACK : Photometric.RGB);
            file.SetField(TiffTag.PLANARCONFIG, PlanarConfig.CONTIG);
            file.SetField(TiffTag.COMPRESSION, compression);
            if (compression is Compression.LZW or Compression.ADOBE_DEFLATE) file.SetField(TiffTag.PREDICTOR, Predictor.HORIZONTAL);
            if (tiled)
            {
                file.SetField(TiffTag.TILEWIDTH, TileSide);
                file.SetField(TiffTag.TILELENGTH, TileSide);
                file.WriteTile(Bytes(TileSide * TileSide), 0, 0, 0, 0);
            }
            else
            {
                file.SetField(TiffTag.ROWSPERSTRIP, 2);
                for (var row = 0; row < Height; row++) file.WriteScanline(Bytes(Width), row);
            }

            file.WriteDirectory();
            return stream.ToArray();
        }

        byte[] Bytes(int pixels) => [.. Enumerable.Range(0, pixels * samples * bits / 8).Select(i => (byte)(29 * i))];
    }

    private static IEnumerable<byte[]> Others()
    {
        foreach (var type in (SKColorType[])[SKColorType.Gray8, SKColorType.Rgba8888])
        {
            var alpha = type == SKColorType.Gray8 ? SKAlphaType.Opaque : SKAlphaType.Unpremul;
            using var bitmap = new SKBitmap(new SKImageInfo(Width, Height, type, alpha));
            var bytes = bitmap.GetPixelSpan();
            for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(53 * i);
            using var pixels = bitmap.PeekPixels();
            using var jpeg = pixels.Encode(new SKJpegEncoderOptions(80));
            using var lossy = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, 70));
            using var lossless = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 70));
            using var png = pixels.Encode(SKEncodedImageFormat.Png, 100);
            foreach (var data in (SKData?[])[jpeg, lossy, lossless, png])
                if (data is not null) yield return data.ToArray();
        }
    }

    private static byte[] Bmp(int bits)
    {
        int row = ((((Width * bits) + 31) / 32) * 4), colours = bits <= 8 ? 1 << bits : 0, start = 54 + (4 * colours);
        var file = new byte[start + (row * Height)];
        for (var i = 54; i < file.Length; i++) file[i] = (byte)(91 * i);
        "BM"u8.CopyTo(file);
        Int(2, file.Length);
        Int(6, 0);
        Int(10, start);
        Int(14, 40);
        Int(18, Width);
        Int(22, Height);
        Int(26, 1 | (bits << 16));
        Int(34, row * Height);
        return file;

        void Int(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
    }

    /// <summary>Two frames of 2x2 pixels; their codes stay at three bits, since a clear code comes before they would grow.</summary>
    private static byte[] Gif()
    {
        byte[] frame = [0x2C, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2, 3, 0x44, 0xA8, 0x15, 0];
        return
        [
            .. "GIF89a"u8, 2, 0, 2, 0, 0x81, 0, 0, 0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255,
            0x21, 0xF9, 4, 1, 10, 0, 0, 0, .. frame, 0x21, 0xF9, 4, 1, 10, 0, 0, 0, .. frame, 0x3B,
        ];
    }
}
