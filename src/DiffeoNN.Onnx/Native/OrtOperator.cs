using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Native;

/// <summary>An operator that stock ONNX Runtime calls back into managed code for, on the CPU: float32 in, float32 out.</summary>
/// <remarks>
/// The managed package has no such thing, so this speaks to the runtime's C interface, whose functions never change their places.
/// Operators live as long as the process, as sessions may outlive whoever opened them.
/// </remarks>
internal abstract unsafe class OrtOperator
{
    /// <summary>Version of the C interface that the places below and the layout of an operator's description are those of.</summary>
    private const uint ApiVersion = 17;

    private static readonly Lazy<nint> Interface = new(FindInterface);
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Domains = [];

    private readonly string _domain;
    private readonly string _name;
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly string[] _attributes;
    private nint _description;

    /// <param name="domain">Domain of its nodes.</param>
    /// <param name="name">Its name.</param>
    /// <param name="inputs">Inputs, all required.</param>
    /// <param name="outputs">Outputs, all of them made.</param>
    /// <param name="attributes">Names of its attributes: integers, all required.</param>
    protected OrtOperator(string domain, string name, int inputs, int outputs, params string[] attributes) =>
        (_domain, _name, _inputs, _outputs, _attributes) = (domain, name, inputs, outputs, attributes);

    /// <summary>Whether the runtime that is loaded has the interface; false where it is older or not found under its name.</summary>
    public static bool IsAvailable => Interface.Value != 0;

    /// <summary>Makes the operators of a domain known to sessions of these options.</summary>
    /// <param name="options">The options.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="operators">All of its operators, the same ones at every call.</param>
    /// <exception cref="OrtOperatorException">The runtime refuses them.</exception>
    public static void AddTo(SessionOptions options, string domain, params ReadOnlySpan<OrtOperator> operators)
    {
        lock (Gate)
        {
            if (!Domains.TryGetValue(domain, out var handle))
            {
                nint created;
                using (var name = new NativeText(domain))
                    Check(((delegate* unmanaged<nint, nint*, nint>)Function(26))(name.Address, &created));
                foreach (var one in operators)
                    Check(((delegate* unmanaged<nint, nint, nint>)Function(27))(created, one.Description()));
                Domains[domain] = handle = created;
            }

            Check(((delegate* unmanaged<nint, nint, nint>)Function(28))(options.DangerousGetHandle(), handle));
        }
    }

    /// <summary>Computes the outputs; may be called on several threads at once.</summary>
    /// <param name="call">Inputs, outputs and attributes.</param>
    /// <exception cref="OrtOperatorException">Inputs do not fit; the run fails with its message.</exception>
    protected abstract void Compute(OrtOperatorCall call);

    internal static nint Function(int place) => ((nint*)Interface.Value)[place];

    /// <summary>Throws what a status says, and releases it.</summary>
    internal static void Check(nint status)
    {
        if (status == 0)
            return;
        var message = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)Function(2))(status));
        ((delegate* unmanaged<nint, void>)Function(93))(status);
        throw new OrtOperatorException(message ?? "ONNX Runtime gave no message.");
    }

    private static nint FindInterface()
    {
        // The library that ONNX Runtime's own binding has loaded.
        _ = OrtEnvironment.Instance;
        if (!NativeLibrary.TryLoad("onnxruntime", typeof(InferenceSession).Assembly, null, out var library)
            || !NativeLibrary.TryGetExport(library, "OrtGetApiBase", out var entry))
            return 0;
        var functions = (nint*)((delegate* unmanaged<nint>)entry)();
        var isSame = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)functions[1])()) == OrtEnv.Instance().GetVersionString();
        return isSame ? ((delegate* unmanaged<uint, nint>)functions[0])(ApiVersion) : 0;
    }

    /// <summary>What the runtime reads of the operator, and behind it what callbacks find it by.</summary>
    private nint Description()
    {
        if (_description != 0)
            return _description;
        var places = (nint*)NativeMemory.AllocZeroed(Places.Count, (nuint)sizeof(nint));
        places[0] = (nint)ApiVersion;
        places[2] = (nint)(delegate* unmanaged<nint*, nint>)&Name;
        places[3] = (nint)(delegate* unmanaged<nint*, nint>)&Nothing;
        places[4] = places[6] = (nint)(delegate* unmanaged<nint*, nuint, int>)&ElementType;
        places[5] = (nint)(delegate* unmanaged<nint*, nuint>)&InputCount;
        places[7] = (nint)(delegate* unmanaged<nint*, nuint>)&OutputCount;
        places[9] = (nint)(delegate* unmanaged<nint, void>)&Destroy;
        places[10] = places[11] = places[12] = (nint)(delegate* unmanaged<nint*, nuint, int>)&Zero;
        places[17] = (nint)(delegate* unmanaged<nint*, nint, nint, nint*, nint>)&Create;
        places[18] = (nint)(delegate* unmanaged<nint*, nint, nint>)&Run;
        places[Places.Operator] = GCHandle.ToIntPtr(GCHandle.Alloc(this));
        places[Places.Name] = Marshal.StringToCoTaskMemUTF8(_name);
        return _description = (nint)places;
    }

    private static OrtOperator Of(nint* description) => (OrtOperator)GCHandle.FromIntPtr(description[Places.Operator]).Target!;

    [UnmanagedCallersOnly]
    private static nint Name(nint* description) => description[Places.Name];

    [UnmanagedCallersOnly]
    private static nint Nothing(nint* description) => 0;

    [UnmanagedCallersOnly]
    private static int ElementType(nint* description, nuint index) => 1;

    [UnmanagedCallersOnly]
    private static nuint InputCount(nint* description) => (nuint)Of(description)._inputs;

    [UnmanagedCallersOnly]
    private static nuint OutputCount(nint* description) => (nuint)Of(description)._outputs;

    [UnmanagedCallersOnly]
    private static int Zero(nint* description, nuint index) => 0;

    /// <summary>A node's kernel: the description and the attributes' values.</summary>
    [UnmanagedCallersOnly]
    private static nint Create(nint* description, nint api, nint info, nint* kernel)
    {
        var names = Of(description)._attributes;
        var made = (nint*)NativeMemory.AllocZeroed((nuint)names.Length + 1, (nuint)sizeof(nint));
        made[0] = (nint)description;
        for (var i = 0; i < names.Length; i++)
        {
            long value;
            using var name = new NativeText(names[i]);
            if (((delegate* unmanaged<nint, nint, long*, nint>)Function(86))(info, name.Address, &value) is var status and not 0)
            {
                NativeMemory.Free(made);
                return status;
            }

            made[i + 1] = (nint)value;
        }

        *kernel = (nint)made;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static void Destroy(nint kernel) => NativeMemory.Free((void*)kernel);

    [UnmanagedCallersOnly]
    private static nint Run(nint* kernel, nint context)
    {
        // An exception must not leave for native frames.
        try
        {
            var one = Of((nint*)kernel[0]);
            one.Compute(new OrtOperatorCall(context, one._inputs, new ReadOnlySpan<nint>(kernel + 1, one._attributes.Length)));
            return 0;
        }
        catch (Exception e)
        {
            using var text = new NativeText(e.Message);
            return ((delegate* unmanaged<int, nint, nint>)Function(0))(1, text.Address);
        }
    }

    /// <summary>A description's fields beyond those that the runtime knows.</summary>
    private static class Places
    {
        public const int Operator = 32;
        public const int Name = 33;
        public const int Count = 34;
    }

    private readonly ref struct NativeText(string text)
    {
        public nint Address { get; } = Marshal.StringToCoTaskMemUTF8(text);

        public void Dispose() => Marshal.FreeCoTaskMem(Address);
    }
}
