using GuardSharp.Checkpoints;
using GuardSharp.Engine;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Engine;

/// <summary>A golden network behind engines of any options: token ids in, logits out, no text.</summary>
internal sealed class EngineModel : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly MaskedRows _maskedRows;
    private readonly int _tokensPerTile;

    private EngineModel(string path, MaskedRows maskedRows)
    {
        (_maskedRows, Config, _checkpoint) = (maskedRows, ModelConfig.Read(path), Checkpoint.Open(path));
        (Tokens, _tokensPerTile) = Config switch
        {
            Llama4Config { Vision: { } vision, ImageTokens: { } tokens } => (new TileTokens(tokens.Patch, vision.ImageSize), vision.TokensPerTile),
            MllamaConfig mllama => (new TileTokens(mllama.ImageToken, mllama.Vision.ImageSize), 0),
            _ => (TileTokens.None, 0),
        };
    }

    public IModelConfig Config { get; }

    public TileTokens Tokens { get; }

    /// <summary>Ids from 0 up to here are text in every fixture.</summary>
    public static int TextIds => 256;

    public static EngineModel Open(string golden, MaskedRows maskedRows = MaskedRows.HuggingFace) => new(TestFiles.Golden(golden.Split('/')), maskedRows);

    /// <summary>An engine, and the network it runs.</summary>
    public (GuardEngine Engine, WatchedNetwork Network) Start(EngineOptions options, KeyValueType keyValues = KeyValueType.F32)
    {
        var ops = new CpuOps(1, keyValues: keyValues);
        var network = WatchedNetwork.Of(GuardNetworks.Create(ops, new CheckpointWeights(_checkpoint, Config.NamesIn(_checkpoint)), Config, _maskedRows));
        return (new GuardEngine(ops, network, Tokens, options), network);
    }

    /// <summary>A picture of random pixels.</summary>
    public EncodedImage Picture(int seed, int columns = 1)
    {
        var random = new Random(seed);
        // Beside the grid's tiles llama4 has a tile of the whole where there are several.
        var tiles = Config is Llama4Config && columns > 1 ? columns + 1 : columns;
        return new EncodedImage([.. Enumerable.Range(0, tiles * Tokens.TileLength).Select(_ => (random.NextSingle() * 2) - 1)], 1, columns);
    }

    /// <summary>The ids that stand for a picture.</summary>
    public int[] IdsOf(EncodedImage picture) =>
        [.. Enumerable.Repeat(Tokens.PatchToken, _tokensPerTile == 0 ? 1 : _tokensPerTile * picture.Pixels.Length / Tokens.TileLength)];

    public void Dispose() => _checkpoint.Dispose();
}
