using System.Text;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Bodies of requests.</summary>
internal static class Requests
{
    /// <summary>Reads JSON, with apostrophes for quotes.</summary>
    public static InferenceRequest Read(string json, ProtocolLimits? limits = null) =>
        InferenceRequestReader.Read(Json(json), null, limits);

    /// <summary>Reads JSON and what follows in binary.</summary>
    public static InferenceRequest Read(string json, byte[] binary)
    {
        var head = Json(json);
        return InferenceRequestReader.Read((byte[])[.. head, .. binary], head.Length);
    }

    /// <summary>The error of a request that is refused.</summary>
    public static ProtocolException Refused(Action read) => Assert.Throws<ProtocolException>(read)!;

    /// <summary>JSON with apostrophes for quotes.</summary>
    public static byte[] Json(string json) => Encoding.UTF8.GetBytes(json.Replace('\'', '"'));

    /// <summary>A request of one input 'x'.</summary>
    public static string One(string type, string shape, string data) =>
        $"{{'inputs':[{{'name':'x','shape':{shape},'datatype':'{type}','data':{data}}}]}}";
}
