namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>The one table from kinds of errors to statuses of HTTP and gRPC.</summary>
public static class ErrorKinds
{
    private static readonly (ErrorKind Kind, int Http, int Grpc)[] Rows =
    [
        (ErrorKind.Invalid, 400, 3),
        (ErrorKind.NotFound, 404, 5),
        (ErrorKind.Unauthenticated, 401, 16),
        (ErrorKind.Forbidden, 403, 7),
        (ErrorKind.TooLarge, 413, 8),
        (ErrorKind.Unsupported, 501, 12),
        (ErrorKind.Unavailable, 503, 14),
        (ErrorKind.Busy, 503, 8),
        (ErrorKind.DeadlineExceeded, 504, 4),
        (ErrorKind.Internal, 500, 13),
    ];

    /// <summary>The status code of HTTP.</summary>
    /// <param name="kind">Which.</param>
    public static int ToHttp(this ErrorKind kind) => Rows[(int)kind].Http;

    /// <summary>The number of gRPC's status.</summary>
    /// <param name="kind">Which.</param>
    public static int ToGrpc(this ErrorKind kind) => Rows[(int)kind].Grpc;
}
