using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Models;
using GuardSharp.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using LoraFile = GuardSharp.Checkpoints.Adapters.Adapter;

namespace GuardSharp.Torch;

/// <summary>The weights of another source as float32 parameters of torch, all or some of them trainable.</summary>
/// <remarks>A weight asked for twice is one parameter. The parameters live until this is disposed; the source's files may be closed once the network is built.</remarks>
/// <param name="source">A checkpoint (its numbers are copied, quantised ones as singles) or <see cref="InitialisedWeights"/> (its tensors are taken over).</param>
/// <param name="device">Where the parameters live; null: the CPU.</param>
/// <param name="trainable">Which names get gradients; null: none.</param>
internal sealed class TorchWeights(IWeightSource source, torch.Device? device = null, Func<string, bool>? trainable = null) : IWeightSource, IDisposable
{
    private readonly Dictionary<string, Parameter> parameters = [];
    private readonly Dictionary<string, LowRankWeight> adapted = [];
    private readonly torch.Device device = device ?? torch.CPU;

    /// <summary>Whether a parameter is a matrix of an adapter.</summary>
    public static bool IsAdapter(string name) => name.EndsWith(LoraFile.DownSuffix, StringComparison.Ordinal) || name.EndsWith(LoraFile.UpSuffix, StringComparison.Ordinal);

    /// <summary>The adapter's matrices as they are now, to be written.</summary>
    public IReadOnlyList<AdaptedModule> AdaptedModules() =>
        [.. adapted.Values.Select(low => new AdaptedModule(low.Name[..^AdaptedWeights.Suffix.Length], Numbers((TorchWeight)low.A), Numbers((TorchWeight)low.B)))];

    /// <summary>Every weight asked for so far, by checkpoint name and in the shape of the checkpoint: vectors [n], matrices [outputs, inputs], experts [experts, inputs, outputs]. A and B of an adapted module are parameters of their own, <c>MODULE.lora_A.weight</c> and <c>MODULE.lora_B.weight</c>.</summary>
    public IReadOnlyDictionary<string, Parameter> Parameters => parameters;

    /// <summary>Those that get gradients: for an optimiser.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Trainable => parameters.Where(entry => entry.Value.requires_grad).Select(entry => (entry.Key, entry.Value));

    /// <inheritdoc/>
    public Weight Matrix(string name, int outputs, int inputs)
    {
        if (!parameters.TryGetValue(name, out var parameter))
        {
            var weight = source.Matrix(name, outputs, inputs);
            if (weight is LowRankWeight low)
            {
                adapted.Add(name, new LowRankWeight(low.Base, Adapter(name, LoraFile.DownSuffix, low.A), Adapter(name, LoraFile.UpSuffix, low.B), low.Scale, low.Dropout));
                weight = low.Base;
            }

            parameter = Add(name, Load(weight, [outputs, inputs]));
        }

        RequireShape(name, parameter, [outputs, inputs]);
        var full = new TorchWeight(name, outputs, inputs, parameter);
        return adapted.TryGetValue(name, out var change) ? new LowRankWeight(full, change.A, change.B, change.Scale, change.Dropout) : full;
    }

    /// <inheritdoc/>
    public Weight Vector(string name, int length)
    {
        if (!parameters.TryGetValue(name, out var parameter))
        {
            parameter = Add(name, Load(source.Vector(name, length), [length]));
        }

        RequireShape(name, parameter, [length]);
        return new TorchWeight(name, 1, length, parameter);
    }

    /// <inheritdoc/>
    public Weight[] Experts(string name, int experts, int inputs, int outputs)
    {
        if (!parameters.TryGetValue(name, out var parameter))
        {
            parameter = Add(name, Load(source.Experts(name, experts, inputs, outputs), inputs, outputs));
        }

        RequireShape(name, parameter, [experts, inputs, outputs]);
        var result = new Weight[experts];
        for (var i = 0; i < experts; i++)
        {
            result[i] = new TorchWeight(name, outputs, inputs, parameter, transposed: true, expert: i);
        }

        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in parameters.Values)
        {
            parameter.Dispose();
        }

        parameters.Clear();
    }

    private static float[] Numbers(TorchWeight weight)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return weight.Value.detach().cpu().data<float>().ToArray();
    }

    private static void RequireShape(string name, torch.Tensor parameter, long[] needed)
    {
        if (!parameter.shape.AsSpan().SequenceEqual(needed))
        {
            throw new ArgumentException($"\"{name}\" is [{string.Join(", ", parameter.shape)}], but the network needs [{string.Join(", ", needed)}].", nameof(needed));
        }
    }

    /// <summary>A matrix of an adapter as a parameter of its own, named as PEFT does: the module and the suffix.</summary>
    private TorchWeight Adapter(string name, string suffix, Weight weight)
    {
        var parameter = Add(name[..^AdaptedWeights.Suffix.Length] + suffix, Load(weight, [weight.Rows, weight.Columns]));
        return new TorchWeight(weight.Name, weight.Rows, weight.Columns, parameter);
    }

    private Parameter Add(string name, torch.Tensor value)
    {
        var parameter = new Parameter(value, trainable?.Invoke(name) ?? false);
        parameter.DetachFromDisposeScope();
        parameters.Add(name, parameter);
        return parameter;
    }

    private torch.Tensor Load(Weight weight, long[] shape)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return scope.Detach(Convert(weight).AsMatrix().reshape(shape).contiguous());
    }

    /// <returns>[experts, inputs, outputs].</returns>
    private torch.Tensor Load(Weight[] weights, int inputs, int outputs)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var all = torch.empty(weights.Length, inputs, outputs, torch.ScalarType.Float32, device);
        for (var i = 0; i < weights.Length; i++)
        {
            using var one = torch.NewDisposeScope();
            all.select(0, i).copy_(Convert(weights[i]).AsMatrix().t());
        }

        return scope.Detach(all);
    }

    private TorchWeight Convert(Weight weight)
    {
        switch (weight)
        {
            case StoredWeight stored:
                return Attached(TorchWeight.From(stored, device));
            case BlockWeight blocks:
                return Attached(TorchWeight.From(blocks, device));
            case EncodedWeight encoded:
                return Attached(TorchWeight.From(encoded, device));
            case TorchWeight native:
                return Attached(native);
            default:
                throw new ArgumentException($"The weight \"{weight.Name}\" is a {weight.GetType().Name}, which cannot become a parameter.", nameof(weight));
        }
    }

    private static TorchWeight Attached(TorchWeight weight)
    {
        torch.CurrentDisposeScope?.Attach(weight.Value);
        return weight;
    }
}
