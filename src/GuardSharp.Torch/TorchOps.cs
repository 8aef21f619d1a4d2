using System.Runtime.InteropServices;
using GuardSharp.Tensors;
using TorchSharp;

namespace GuardSharp.Torch;

/// <summary>The operations of a network on TorchSharp: float32, any device libtorch knows, gradients on request.</summary>
/// <remarks>
/// <see cref="Tensor.Native"/> holds a contiguous float32 torch.Tensor [Rows, Columns] on <see cref="Device"/>.
/// Every shape is checked here, before libtorch sees it: some of its operations abort the process on a wrong one.
/// One thread at a time; scopes belong to the thread that opened them, because TorchSharp's dispose scopes do.
/// </remarks>
internal sealed partial class TorchOps : ITensorOps
{
    private static readonly Scalar _one = 1;

    private readonly Stack<DisposeScope> scopes = new();
    private readonly Dictionary<float, torch.Tensor> constants = [];
    private readonly Dictionary<Weight, TorchWeight> converted = new(ReferenceEqualityComparer.Instance);

    /// <param name="device">Where tensors live; null: the CPU.</param>
    public TorchOps(torch.Device? device = null)
    {
        Device = device ?? torch.CPU;
        torch.InitializeDevice(Device);
    }

    /// <summary>Where tensors live.</summary>
    public torch.Device Device { get; }

    /// <summary>Whether operations record what a backward pass needs. False: every operation runs without, whatever its weights ask for.</summary>
    public bool Gradients { get; set; }

    /// <summary>Whether <see cref="Linear"/> rounds both factors to bfloat16, for training: sums, results, weights and their gradients stay float32.</summary>
    /// <remarks>About four times as fast as float32 on a CPU with AVX512-BF16, tens of times slower on one without. Results differ by up to 1 percent.</remarks>
    public bool BFloat16Products { get; set; }

    /// <summary>Where the dropout of adapters takes its chance from, on <see cref="Device"/>; null: nothing is left out. Whoever recomputes a layer sets it back to the same state before.</summary>
    public torch.Generator? Dropout { get; set; }

    /// <inheritdoc/>
    public Action<string, Tensor>? Observer { get; set; }

    /// <summary>The torch tensor [Rows, Columns] behind a tensor: for losses, and for gradients with respect to inputs. Do not dispose it.</summary>
    public static torch.Tensor AsTorch(Tensor tensor)
    {
        return tensor.Native as torch.Tensor ?? throw new ArgumentException("The tensor does not come from a TorchOps.", nameof(tensor));
    }

    /// <summary>A torch tensor as an operand; gradients flow into it. It stays the caller's (or its dispose scope's).</summary>
    /// <param name="tensor">Float32, two dimensions, on <see cref="Device"/>. One that is not contiguous is copied.</param>
    public Tensor FromTorch(torch.Tensor tensor)
    {
        if (tensor.dim() != 2 || tensor.dtype != torch.ScalarType.Float32 || tensor.device_type != Device.type)
        {
            throw new ArgumentException(
                $"The tensor is [{string.Join(", ", tensor.shape)}] {tensor.dtype} on {tensor.device}, but two dimensions of Float32 on {Device} are needed.", nameof(tensor));
        }

        return Wrap(tensor.is_contiguous() ? tensor : tensor.contiguous());
    }

    /// <inheritdoc/>
    public OpScope Scope()
    {
        scopes.Push(torch.NewDisposeScope());
        return new OpScope(this, scopes.Count);
    }

    /// <inheritdoc/>
    public void EndScope(int depth)
    {
        if (depth != scopes.Count)
        {
            throw new InvalidOperationException($"Scope {depth} was ended while scope {scopes.Count} is the innermost. End scopes in reverse order.");
        }

        scopes.Pop().Dispose();
    }

    /// <inheritdoc/>
    public Tensor Keep(Tensor tensor)
    {
        AsTorch(tensor).MoveToOuterDisposeScope();
        return tensor;
    }

    /// <summary>Gives a tensor back before its scope ends. While gradients are recorded it stays, because the caller may still want its gradient.</summary>
    public void Free(Tensor tensor)
    {
        if (!Gradients)
        {
            AsTorch(tensor).Dispose();
        }
    }

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<float> values, int rows, int columns)
    {
        if (rows < 0 || columns < 0 || values.Length != (long)rows * columns)
        {
            throw new ArgumentException($"{values.Length} numbers were given for [{rows}, {columns}].", nameof(values));
        }

        using var frame = Open();
        var host = torch.empty(rows, columns, torch.ScalarType.Float32);
        if (values.Length > 0)
        {
            MemoryMarshal.AsBytes(values).CopyTo(host.bytes);
        }

        return frame.Return(Device.type == DeviceType.CPU ? host : host.to(Device));
    }

    /// <inheritdoc/>
    public void Read(Tensor tensor, Span<float> destination)
    {
        if (destination.Length < tensor.Length)
        {
            throw new ArgumentException($"The tensor {Show(tensor)} has {tensor.Length} numbers, the destination room for {destination.Length}.", nameof(destination));
        }

        using var frame = Open();
        var host = AsTorch(tensor).detach().cpu().contiguous();
        if (tensor.Length > 0)
        {
            MemoryMarshal.Cast<byte, float>(host.bytes).CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    public KvCache CreateCache(int layers, int columns, int capacity, KvCache? parent = null, int? start = null, int heads = 1)
    {
        return new TorchKvCache(layers, columns, capacity, parent, start, Device);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (scopes.TryPop(out var scope))
        {
            scope.Dispose();
        }

        foreach (var constant in constants.Values)
        {
            constant.Dispose();
        }

        foreach (var weight in converted.Values)
        {
            weight.Value.Dispose();
        }

        constants.Clear();
        converted.Clear();
    }

    private static Tensor Wrap(torch.Tensor tensor) => new((int)tensor.size(0), (int)tensor.size(1), 0, tensor);

    private static string Show(Tensor tensor) => $"[{tensor.Rows}, {tensor.Columns}]";

    /// <summary>The weight as this backend holds it. One that the checkpoint stores is converted to float32 once and kept until the end.</summary>
    private TorchWeight Resolve(Weight weight)
    {
        if (weight is TorchWeight native)
        {
            return native;
        }

        if (weight is not StoredWeight stored)
        {
            throw new ArgumentException($"The weight \"{weight.Name}\" is a {weight.GetType().Name}, which this operation cannot take.", nameof(weight));
        }

        if (!converted.TryGetValue(weight, out var result))
        {
            result = TorchWeight.From(stored, Device);
            converted.Add(weight, result);
        }

        return result;
    }

    /// <summary>A number as a tensor: as an operand it costs a fifth of what a scalar costs.</summary>
    private torch.Tensor Constant(float value)
    {
        if (!constants.TryGetValue(value, out var constant))
        {
            constant = torch.tensor(value, device: Device).DetachFromDisposeScope();
            constants.Add(value, constant);
        }

        return constant;
    }

    /// <summary>a + b. TorchSharp's operator makes a scalar for each sum, which the garbage collector may free before libtorch has read it.</summary>
    private static torch.Tensor Sum(torch.Tensor a, torch.Tensor b) => a.add(b, _one);

    private torch.Tensor Index(long[] values) => torch.tensor(values, device: Device);

    private torch.Tensor Index(ReadOnlySpan<int> values, int limit, string what)
    {
        var wide = new long[values.Length];
        for (var i = 0; i < wide.Length; i++)
        {
            if ((uint)values[i] >= (uint)limit)
            {
                throw new ArgumentException($"{what} {values[i]} was asked for, but there are {limit}.", nameof(values));
            }

            wide[i] = values[i];
        }

        return Index(wide);
    }

    private Frame Open() => new(torch.NewDisposeScope(), Gradients ? null : torch.no_grad());

    /// <summary>One operation: frees its intermediate tensors, and records nothing unless gradients are wanted.</summary>
    private readonly ref struct Frame(DisposeScope scope, IDisposable? mode)
    {
        public Tensor Return(torch.Tensor result)
        {
            return Wrap(scope.MoveToOuter(result));
        }

        public void Dispose()
        {
            mode?.Dispose();
            scope.Dispose();
        }
    }
}
