using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Models.Verification;
using GuardSharp.Tensors;

namespace GuardSharp.Tests.Checkpoints.Adapters;

/// <summary>Adapters with random numbers for the golden miniatures, and what a network computes with them.</summary>
internal static class AdapterSample
{
    /// <summary>Every linear layer, rank 3, scale 2/3.</summary>
    public static AdapterConfig Config { get; } = new() { Rank = 3, Alpha = 2, BaseModel = "golden" };

    /// <summary>Writes an adapter of all the modules of a base that a configuration names.</summary>
    public static string Write(string folder, string baseFolder, AdapterConfig? config = null, Func<string, string>? rename = null)
    {
        var used = config ?? Config;
        using var checkpoint = Checkpoint.Open(baseFolder);
        AdapterWriter.Write(folder, used, AdapterOrigin.Of(checkpoint), Modules(baseFolder, used, rename ?? (name => name)));
        return folder;
    }

    /// <summary>Runs a golden case and gives what every linear layer read, in order: the last is the output head's input.</summary>
    public static List<(string Name, float[] Values)> Run(string folder, string goldenCase, Func<ITensorOps> ops, string? adapter)
    {
        var seen = new List<(string, float[])>();
        ModelVerification.Run(
            folder,
            goldenCase,
            weights =>
            {
                var inner = ops();
                return (new WatchedOps(inner, (weight, x) => seen.Add((weight.Name, Read(inner, x)))), weights);
            },
            adapter);
        return seen;
    }

    /// <summary>Largest difference of two runs, each tensor's relative to its largest entry.</summary>
    public static double Difference(List<(string Name, float[] Values)> one, List<(string Name, float[] Values)> other)
    {
        Assert.Equal(one.Select(seen => seen.Name), other.Select(seen => seen.Name));
        return one.Zip(other).Max(pair => pair.First.Values.Zip(pair.Second.Values).Max(values => Math.Abs(values.First - values.Second)) / pair.First.Values.Max(Math.Abs));
    }

    private static float[] Read(ITensorOps ops, Tensor tensor)
    {
        var values = new float[tensor.Length];
        ops.Read(tensor, values);
        return values;
    }

    private static AdaptedModule[] Modules(string baseFolder, AdapterConfig config, Func<string, string> rename)
    {
        var random = new Random(7);
        return
        [
            .. ModelConfig.Read(baseFolder).Tensors()
                .Where(tensor => tensor.Shape.Length == 2 && tensor.Name.EndsWith(".weight", StringComparison.Ordinal))
                .Select(tensor => (Module: rename(tensor.Name[..^".weight".Length]), tensor.Shape))
                .Where(tensor => config.Covers(tensor.Module))
                // B A times the scale is about a tenth of what a layer of these miniatures does.
                .Select(tensor => new AdaptedModule(tensor.Module, Numbers(random, config.Rank * tensor.Shape[1], 0.2f), Numbers(random, config.Rank * tensor.Shape[0], 0.2f))),
        ];
    }

    private static float[] Numbers(Random random, long count, float size) => [.. Enumerable.Range(0, (int)count).Select(_ => ((random.NextSingle() * 2) - 1) * size)];
}
