using System.Runtime.InteropServices;
using GuardSharp.Checkpoints;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>A whole language model of a published size with random weights in memory: reading a prompt, and one token at a time.</summary>
internal static class NetworkBenchmark
{
    public static void Run(string model, int threads, int rounds, int tokens, params IEnumerable<BlockType> types)
    {
        var config = PublishedModel.Find(model).Config();
        List<(string, double, Action)> contestants = [];
        var owned = new List<IDisposable>();
        foreach (var type in types)
        {
            var weights = new RandomWeights(type);
            var ops = new CpuOps(threads);
            owned.AddRange([ops, weights]);
            var network = GuardNetworks.Create(ops, weights, config);
            var perToken = 2.0 * weights.LayerNumbers;
            var cache = ops.CreateCache(network.Shape.Layers, network.Shape.KeyColumns, tokens + 64);
            owned.Add(cache);
            contestants.Add(($"{type}, {tokens} tokens at once", perToken * tokens, () => Read(ops, network, cache, 0, tokens)));
            contestants.Add(($"{type}, 16 tokens one by one", perToken * 16, () =>
            {
                for (var i = 0; i < 16; i++) Read(ops, network, cache, tokens + i, 1);
            }
            ));
        }

        Stopwatches.Compare($"{model}, {threads} threads: layers only, no logits", rounds, contestants);
        owned.Reverse();
        owned.ForEach(o => o.Dispose());
    }

    private static void Read(CpuOps ops, IGuardNetwork network, KvCache cache, int from, int count)
    {
        cache.Truncate(from);
        using var scope = ops.Scope();
        var ids = new int[count];
        ForwardPass.Run(ops, network, network.Embed(ids), [SequenceSpan.Self(0, count, cache)]);
    }

    /// <summary>Matrices of random blocks, vectors of ones.</summary>
    private sealed unsafe class RandomWeights(BlockType type) : IWeightSource, IDisposable
    {
        private readonly List<nint> _memory = [];
        private readonly Random _random = new(3);

        /// <summary>Numbers in the matrices of layers.</summary>
        public long LayerNumbers { get; private set; }

        public Weight Matrix(string name, int outputs, int inputs)
        {
            var (blocks, bytes) = ((inputs + 31) / 32, type == BlockType.Int4 ? 16 : 32);
            if (name.Contains("layers", StringComparison.Ordinal))
            {
                LayerNumbers += (long)outputs * inputs;
            }

            var numbers = Allocate((long)outputs * blocks * bytes);
            for (long i = 0; i < (long)outputs * blocks * bytes; i += sizeof(long)) *(long*)(numbers + (nint)i) = _random.NextInt64();
            var scales = Allocate((long)outputs * blocks * sizeof(Half));
            for (long i = 0; i < (long)outputs * blocks; i++) ((Half*)scales)[i] = (Half)0.001;
            return new BlockWeight(name, outputs, inputs, type, new BlockLayout(numbers, bytes, (long)blocks * bytes, scales, 2, blocks * 2L, 1));
        }

        public Weight Vector(string name, int length)
        {
            var data = Allocate((long)length * sizeof(float));
            new Span<float>((float*)data, length).Fill(1);
            return new StoredWeight(name, 1, length, WeightType.F32, data);
        }

        public Weight[] Experts(string name, int experts, int inputs, int outputs) => [.. Enumerable.Range(0, experts).Select(_ => Matrix(name, outputs, inputs))];

        public void Dispose() => _memory.ForEach(address => NativeMemory.AlignedFree((void*)address));

        private nint Allocate(long bytes)
        {
            _memory.Add((nint)NativeMemory.AlignedAlloc((nuint)bytes + 64, 64));
            return _memory[^1];
        }
    }
}
