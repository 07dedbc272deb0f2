using System.Text;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Inference requests in JSON.</summary>
public sealed class JsonRequestTests
{
    [Test]
    public void Read_OfARequestWithEverything_GivesIt()
    {
        var request = Requests.Read(
            "{'id':'7','parameters':{'timeout':5,'seed':'x','accept':true,'rate':0.5,'nothing':null,'binary_data_output':true},"
            + "'inputs':[{'name':'a','shape':[2,2],'datatype':'FP32','parameters':{'k':1},'data':[1,2,3,4.5]},"
            + "{'data':[['ä'],['']],'shape':[2,1],'datatype':'BYTES','name':'b'}],"
            + "'outputs':[{'name':'y','parameters':{'binary_data':false}},{'name':'z'}]}");

        Assert.That(request.Id, Is.EqualTo("7"));
        Assert.That(request.Parameters.All, Is.EquivalentTo(new Dictionary<string, object>
        {
            ["timeout"] = 5L, ["seed"] = "x", ["accept"] = true, ["rate"] = 0.5,
        }));
        Assert.That(request.Inputs.Select(input => input.ToString()), Is.EqualTo(new[] { "'a' FP32 [2,2]", "'b' BYTES [2,1]" }));
        Assert.That(request.Inputs[0].As<float>().ToArray(), Is.EqualTo(new[] { 1, 2, 3, 4.5f }));
        Assert.That(request.Inputs[1].Strings.Select(text => Encoding.UTF8.GetString(text.Span)), Is.EqualTo(new[] { "ä", "" }));
        Assert.That(request.Outputs.Select(output => (output.Name, request.IsBinary(output.Name))),
            Is.EqualTo(new[] { ("y", false), ("z", true) }));
    }

    [TestCase("BOOL", "[true,false]", "0100")]
    [TestCase("UINT8", "[0,255]", "00FF")]
    [TestCase("UINT16", "[1,65535]", "0100FFFF")]
    [TestCase("UINT32", "[1,4294967295]", "01000000FFFFFFFF")]
    [TestCase("UINT64", "[1,18446744073709551615]", "0100000000000000FFFFFFFFFFFFFFFF")]
    [TestCase("INT8", "[-128,127]", "807F")]
    [TestCase("INT16", "[-2,1]", "FEFF0100")]
    [TestCase("INT32", "[-2,1]", "FEFFFFFF01000000")]
    [TestCase("INT64", "[-2,1]", "FEFFFFFFFFFFFFFF0100000000000000")]
    [TestCase("FP16", "[1,-2]", "003C00C0")]
    [TestCase("FP32", "[1,-2]", "0000803F000000C0")]
    [TestCase("FP64", "[1,-2]", "000000000000F03F00000000000000C0")]
    [TestCase("BYTES", "['a','']", "010000006100000000")]
    public void Read_OfEachType_GivesItsBytes_AsBinaryDoes(string type, string data, string bytes)
    {
        var json = Requests.Read(Requests.One(type, "[2]", data)).Inputs[0];
        var raw = Convert.FromHexString(bytes);
        var binary = Requests.Read(
            $"{{'inputs':[{{'name':'x','shape':[2],'datatype':'{type}','parameters':{{'binary_data_size':{raw.Length}}}}}]}}", raw)
            .Inputs[0];

        Assert.That(json.Type.Word(), Is.EqualTo(type));
        Assert.That(json.ToRaw().ToArray(), Is.EqualTo(raw));
        Assert.That(binary.ToRaw().ToArray(), Is.EqualTo(raw));
    }

    [TestCase("[2,3]", "[1,2,3,4,5,6]")]
    [TestCase("[2,3]", "[[1,2,3],[4,5,6]]")]
    [TestCase("[1,2,3]", "[[[1,2,3],[4,5,6]]]")]
    [TestCase("[3,2,1]", "[[[1],[2]],[[3],[4]],[[5],[6]]]")]
    public void Read_OfFlatAndNestedData_IsRowMajor(string shape, string data) => Assert.That(
        Requests.Read(Requests.One("INT32", shape, data)).Inputs[0].As<int>().ToArray(), Is.EqualTo(new[] { 1, 2, 3, 4, 5, 6 }));

    [TestCase("[0]", "[]")]
    [TestCase("[2,0]", "[[],[]]")]
    [TestCase("[2,0]", "[]")]
    [TestCase("[0,5]", "[]")]
    public void Read_OfNoElements_GivesNone(string shape, string data) =>
        Assert.That(Requests.Read(Requests.One("FP64", shape, data)).Inputs[0].Count, Is.Zero);

    [Test]
    public void Read_OfAShapeWithoutDimensions_IsOneNumber() =>
        Assert.That(Requests.Read(Requests.One("INT8", "[]", "[5]")).Inputs[0].As<sbyte>().ToArray(), Is.EqualTo(new sbyte[] { 5 }));

    [TestCase("[2,3]", "[1,2,3]", "3 entries in it instead of 6; shape [2,3] needs 6 elements")]
    [TestCase("[2,3]", "[[1,2,3],[4,5]]", "2 entries in [1] instead of 3")]
    [TestCase("[2,3]", "[[1,2,3]]", "1 entries in it instead of 2")]
    [TestCase("[2,3]", "[[1,2,3],4]", "4 at [1]")]
    [TestCase("[2,3]", "[1,[2]]", "an array at [1]")]
    [TestCase("[2]", "[[1],[2]]", "an array at [0]")]
    [TestCase("[]", "[[1]]", "an array at [0]")]
    [TestCase("[2]", "[1,2,3]", "more than 2 elements")]
    [TestCase("[2]", "[1,2.5]", "2.5 at [1], which is no INT32")]
    [TestCase("[1,2]", "[[1,null]]", "null at [0][1], which is no INT32")]
    [TestCase("[1]", "['a']", "the text 'a' at [0], which is no INT32")]
    [TestCase("[1]", "[3000000000]", "3000000000 at [0], which is no INT32")]
    [TestCase("[1]", "5", "'data' is 5; expected an array")]
    [TestCase("[-1]", "[5]", "shape [-1]; each dimension is at least 0")]
    [TestCase("[1.5]", "[5]", "A dimension is 1.5; expected a whole number")]
    [TestCase("'1'", "[5]", "'shape' is the text '1'; expected an array")]
    public void Read_OfDataThatDoesNotFit_SaysWhere(string shape, string data, string message)
    {
        var error = Requests.Refused(() => Requests.Read(Requests.One("INT32", shape, data)));
        Assert.That(error.Kind, Is.EqualTo(ErrorKind.Invalid));
        Assert.That(error.Message, Does.Contain(message));
    }

    [TestCase("FP16", "[70000]")]
    [TestCase("FP32", "[1e39]")]
    [TestCase("FP64", "[1e999]")]
    [TestCase("UINT8", "[-1]")]
    [TestCase("UINT8", "[256]")]
    [TestCase("BOOL", "[1]")]
    [TestCase("BYTES", "[1]")]
    public void Read_OfANumberThatTheTypeDoesNotHold_IsRefused(string type, string data) => Assert.That(
        Requests.Refused(() => Requests.Read(Requests.One(type, "[1]", data))).Message, Does.EndWith($"which is no {type}."));

    [TestCase("", "The body is no JSON")]
    [TestCase("[]", "The request is an array; expected an object")]
    [TestCase("{}", "The request has no inputs")]
    [TestCase("{'inputs':[]}", "The request has no inputs")]
    [TestCase("{'inputs':[{'name':'x','shape':[1],'datatype':'INT8','data':[1]}]} x", "The body is no JSON")]
    [TestCase("{'inputs':[{'name':'x','shape':[1],'datatype':'INT8','data':[1]}]", "The body is no JSON")]
    [TestCase("{'inputs':[],'outptus':[]}", "has a member 'outptus'; the protocol has id, parameters, inputs and outputs")]
    [TestCase("{'inputs':[],'inputs':[]}", "The request has two members 'inputs'")]
    [TestCase("{'inputs':[{'shape':[1],'datatype':'FP32','data':[1]}]}", "An input has no 'name'")]
    [TestCase("{'inputs':[{'name':'x','datatype':'FP32','data':[1]}]}", "Input 'x' has no 'shape'")]
    [TestCase("{'inputs':[{'name':'x','shape':[1],'data':[1]}]}", "Input 'x' has no 'datatype'")]
    [TestCase("{'inputs':[{'name':'x','shape':[1],'datatype':'FP32'}]}", "Input 'x' has no 'data'")]
    [TestCase("{'inputs':[{'name':'x','shape':[1],'datatype':'FP31','data':[1]}]}", "'datatype' is 'FP31'; expected one of BOOL, UINT8")]
    [TestCase("{'inputs':[{'name':'','shape':[1],'datatype':'FP32','data':[1]}]}", "An input's 'name' is empty")]
    [TestCase("{'id':5,'inputs':[]}", "'id' is 5; expected a text")]
    [TestCase("{'parameters':{'a':[1]},'inputs':[]}", "Parameter 'a' is an array; expected a text, a number, true or false")]
    [TestCase("{'parameters':{'a':1e999},'inputs':[]}", "which no number of 64 bits holds")]
    [TestCase("{'parameters':{'binary_data_output':1},'inputs':[]}", "Parameter 'binary_data_output' is 1; expected true or false")]
    public void Read_OfAMalformedRequest_SaysWhat(string json, string message)
    {
        var error = Requests.Refused(() => Requests.Read(json));
        Assert.That(error.Kind, Is.EqualTo(ErrorKind.Invalid));
        Assert.That(error.Message, Does.Contain(message));
    }

    [Test]
    public void Read_OfTwoInputsOfAName_IsRefused() => Assert.That(
        Requests.Refused(() => Requests.Read(
            "{'inputs':[{'name':'x','shape':[1],'datatype':'INT8','data':[1]},{'name':'x','shape':[1],'datatype':'INT8','data':[1]}]}"))
            .Message,
        Is.EqualTo("The request has two inputs 'x'."));

    [Test]
    public void Read_PassesOverWhatClientsRepeatFromThePath()
    {
        var request = Requests.Read("{'model_name':'m','model_version':null,'id':null,'parameters':null,'outputs':null,"
            + "'inputs':[{'name':'x','shape':[1],'datatype':'INT8','parameters':null,'data':[1]}]}");
        Assert.That((request.Id, request.Parameters.All.Count, request.Outputs.Count, request.Model), Is.EqualTo(("", 0, 0, "")));
    }

    [TestCase("{'parameters':{'shared_memory_region':'r'}}", "is in shared memory")]
    [TestCase("{'parameters':{'classification':3}}", "by classification")]
    public void Read_OfWhatTheServerDoesNotHave_SaysSo(string output, string message)
    {
        var error = Requests.Refused(() => Requests.Read(
            $"{{'inputs':[{{'name':'x','shape':[1],'datatype':'INT8','data':[1]}}],'outputs':[{output.Insert(1, "'name':'y',")}]}}"));
        Assert.That(error.Kind, Is.EqualTo(ErrorKind.Unsupported));
        Assert.That(error.Message, Does.Contain(message));
    }

    [Test]
    public void Limits_AreKept()
    {
        var limits = new ProtocolLimits { Bytes = 300, Tensors = 1, Elements = 3, Dimensions = 2, NameLength = 4, Parameters = 1 };
        Assert.That(Requests.Read(Requests.One("INT8", "[3]", "[1,2,3]"), limits).Inputs, Has.Count.EqualTo(1));
        (string Json, string Message)[] tooLarge =
        [
            (Requests.One("INT8", "[1]", "[1]").PadRight(301), "301 bytes; 300 are the most"),
            (Requests.One("INT8", "[4]", "[1,2,3,4]"), "all inputs together may have 3 elements"),
            (Requests.One("INT8", "[9223372036854775807,9]", "[]"), "more elements than any machine holds"),
            (Requests.One("INT8", "[1,1,1]", "[1]"), "more than 2 elements in 'shape'"),
            ("{'inputs':[{'name':'abcde'}]}", "An input's 'name' has 5 characters; 4 are the most"),
            ("{'parameters':{'a':1,'b':2}}", "more than 1 parameters"),
            ("{'inputs':[{'name':'x','shape':[1],'datatype':'INT8','data':[1]},{}]}", "more than 1 elements in 'inputs'"),
        ];
        foreach (var (json, message) in tooLarge)
        {
            var error = Requests.Refused(() => Requests.Read(json, limits));
            Assert.That((error.Kind, error.Kind.ToHttp()), Is.EqualTo((ErrorKind.TooLarge, 413)), json);
            Assert.That(error.Message, Does.Contain(message));
        }
    }

    [Test]
    public void Depth_IsLimited()
    {
        var error = Requests.Refused(() => Requests.Read(new string('[', 10_000)));
        Assert.That(error.Message, Does.Contain("expected an object"));
        error = Requests.Refused(() => Requests.Read("{'model_name':" + new string('[', 10_000)));
        Assert.That(error.Message, Does.StartWith("The body is no JSON"));
    }
}
