using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints.Gguf;

/// <summary>Writes GGUF files as llama.cpp's converter lays them out: names, innermost size first, rows of q and k reordered, rotary divisors.</summary>
internal sealed class GgufSample
{
    private const int Alignment = 32;

    private readonly List<(string Key, byte[] Value)> _metadata = [];
    private readonly List<(string Name, uint Type, long[] Sizes, byte[] Data)> _tensors = [];

    /// <summary>A llama model folder as one file.</summary>
    /// <param name="folder">Folder with config.json and weights.</param>
    /// <param name="pack">A matrix's numbers as GGML type and bytes; vectors stay F32.</param>
    /// <param name="uneven">The same for matrices whose rows do not divide into blocks of 32; null: F16, as llama.cpp does it.</param>
    /// <param name="tokenizer">A tokenizer.json, or null.</param>
    public static GgufSample Of(string folder, Func<float[], (uint Type, byte[] Data)> pack, string? tokenizer = null, Func<float[], (uint Type, byte[] Data)>? uneven = null)
    {
        var config = LlamaConfig.Read(folder);
        var sample = new GgufSample();
        sample.Text("general.architecture", "llama").Number("llama.block_count", (uint)config.Layers)
            .Number("llama.context_length", (uint)config.MaxPositions).Number("llama.embedding_length", (uint)config.HiddenSize)
            .Number("llama.feed_forward_length", (uint)config.FeedForwardSize).Number("llama.attention.head_count", (uint)config.Heads)
            .Number("llama.attention.head_count_kv", (uint)config.KeyHeads).Number("llama.attention.key_length", (uint)config.HeadSize)
            .Number("llama.attention.value_length", (uint)config.HeadSize).Number("llama.rope.dimension_count", (uint)config.HeadSize)
            .Number("llama.vocab_size", (uint)config.VocabularySize)
            .Single("llama.attention.layer_norm_rms_epsilon", config.RmsNormEpsilon).Single("llama.rope.freq_base", (float)config.RopeTheta);
        if (tokenizer is not null)
        {
            sample.Tokenizer(tokenizer);
        }

        using var checkpoint = Checkpoint.Open(folder);
        foreach (var tensor in checkpoint.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            sample.Add(tensor, config, pack, uneven ?? F16);
        }

        if (config.RopeScaling is not null)
        {
            var plain = RopeFrequencies.Compute(config.RopeTheta, config.HeadSize, null);
            var scaled = RopeFrequencies.Compute(config.RopeTheta, config.HeadSize, config.RopeScaling);
            sample.Tensor("rope_freqs.weight", 0, [plain.Length], F32([.. plain.Zip(scaled, (a, b) => a / b)]).Data);
        }

        return sample;
    }

    public static (uint Type, byte[] Data) F32(float[] values) => (0, MemoryMarshal.AsBytes<float>(values).ToArray());

    public static (uint Type, byte[] Data) F16(float[] values) => (1, MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value)).ToArray());

    /// <summary>Q8_0, the plain way: the largest of 32 numbers becomes 127.</summary>
    public static (uint Type, byte[] Data) Q80(float[] values) => (8, [.. values.Chunk(32).SelectMany(block =>
    {
        var scale = (Half)(block.Max(Math.Abs) / 127);
        return Bits(scale).Concat(block.Select(value => (byte)(sbyte)MathF.Round(value / Math.Max((float)scale, 1e-9f))));
    })]);

    /// <summary>Q4_0, the plain way: the number of the largest size becomes -8.</summary>
    public static (uint Type, byte[] Data) Q40(float[] values) => (2, [.. values.Chunk(32).SelectMany(block =>
    {
        var scale = (Half)(block.MaxBy(Math.Abs) / -8);
        int[] steps = [.. block.Select(value => Math.Clamp((int)MathF.Round(value / (float)scale) + 8, 0, 15))];
        return Bits(scale).Concat(Enumerable.Range(0, 16).Select(i => (byte)(steps[i] | (steps[i + 16] << 4))));
    })]);

    public static byte[] Bits(Half value) => BitConverter.GetBytes(value);

    public GgufSample Text(string key, string text) => Value(key, 8, Text(text));

    public GgufSample Number(string key, uint number) => Value(key, 4, BitConverter.GetBytes(number));

    public GgufSample Single(string key, float number) => Value(key, 6, BitConverter.GetBytes(number));

    public GgufSample Texts(string key, IReadOnlyCollection<string> texts) =>
        Value(key, 9, [.. BitConverter.GetBytes(8u), .. BitConverter.GetBytes((ulong)texts.Count), .. texts.SelectMany(Text)]);

    public GgufSample Types(string key, int[] types) =>
        Value(key, 9, [.. BitConverter.GetBytes(5u), .. BitConverter.GetBytes((ulong)types.Length), .. types.SelectMany(BitConverter.GetBytes)]);

    public GgufSample Tensor(string name, uint type, long[] sizes, byte[] data)
    {
        _tensors.Add((name, type, sizes, data));
        return this;
    }

    /// <summary>Takes a key out, to be added anew or missed.</summary>
    public GgufSample Without(string key)
    {
        _metadata.RemoveAll(entry => entry.Key == key);
        return this;
    }

    public byte[] ToArray()
    {
        var offset = 0L;
        var infos = new List<byte>();
        foreach (var (name, type, sizes, data) in _tensors)
        {
            infos.AddRange([.. Text(name), .. BitConverter.GetBytes((uint)sizes.Length), .. sizes.SelectMany(BitConverter.GetBytes), .. BitConverter.GetBytes(type), .. BitConverter.GetBytes(offset)]);
            offset += Padded(data).Length;
        }

        byte[] header =
        [
            .. "GGUF"u8, .. BitConverter.GetBytes(3u), .. BitConverter.GetBytes((ulong)_tensors.Count), .. BitConverter.GetBytes((ulong)_metadata.Count),
            .. _metadata.SelectMany(entry => Text(entry.Key).Concat(entry.Value)), .. infos,
        ];
        return [.. Padded(header), .. _tensors.SelectMany(tensor => Padded(tensor.Data))];
    }

    public void Write(string path) => File.WriteAllBytes(path, ToArray());

    private static byte[] Padded(byte[] data) => [.. data, .. new byte[(Alignment - (data.Length % Alignment)) % Alignment]];

    private static byte[] Text(string text) => [.. BitConverter.GetBytes((ulong)Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

    private GgufSample Value(string key, uint type, byte[] value)
    {
        _metadata.Add((key, [.. BitConverter.GetBytes(type), .. value]));
        return this;
    }

    private void Add(TensorEntry tensor, LlamaConfig config, Func<float[], (uint Type, byte[] Data)> pack, Func<float[], (uint Type, byte[] Data)> uneven)
    {
        var values = tensor.ToSingles();
        if (tensor.Name.EndsWith("q_proj.weight", StringComparison.Ordinal))
        {
            values = Reorder(values, config.Heads, config.HeadSize);
        }
        else if (tensor.Name.EndsWith("k_proj.weight", StringComparison.Ordinal))
        {
            values = Reorder(values, config.KeyHeads, config.HeadSize);
        }

        var (type, data) = tensor.Shape.Length == 1 ? F32(values) : tensor.Shape[^1] % 32 != 0 ? uneven(values) : pack(values);
        Tensor(NameOf(tensor.Name), type, [.. tensor.Shape.Reverse()], data);
    }

    // Row i of the first half of a head and row i of the second come to lie side by side.
    private static float[] Reorder(float[] values, int heads, int headSize)
    {
        var columns = values.Length / (heads * headSize);
        var result = new float[values.Length];
        for (var row = 0; row < heads * headSize; row++)
        {
            var (head, place) = Math.DivRem(row, headSize);
            var (half, pair) = Math.DivRem(place, headSize / 2);
            values.AsSpan(row * columns, columns).CopyTo(result.AsSpan(((head * headSize) + (2 * pair) + half) * columns));
        }

        return result;
    }

    private static string NameOf(string name) => name
        .Replace("model.embed_tokens", "token_embd", StringComparison.Ordinal).Replace("model.norm", "output_norm", StringComparison.Ordinal)
        .Replace("lm_head", "output", StringComparison.Ordinal).Replace("model.layers.", "blk.", StringComparison.Ordinal)
        .Replace("post_attention_layernorm", "ffn_norm", StringComparison.Ordinal).Replace("input_layernorm", "attn_norm", StringComparison.Ordinal)
        .Replace("self_attn.q_proj", "attn_q", StringComparison.Ordinal).Replace("self_attn.k_proj", "attn_k", StringComparison.Ordinal)
        .Replace("self_attn.v_proj", "attn_v", StringComparison.Ordinal).Replace("self_attn.o_proj", "attn_output", StringComparison.Ordinal)
        .Replace("mlp.gate_proj", "ffn_gate", StringComparison.Ordinal).Replace("mlp.up_proj", "ffn_up", StringComparison.Ordinal)
        .Replace("mlp.down_proj", "ffn_down", StringComparison.Ordinal);

    /// <summary>A tokenizer.json whose merges are texts, as the converter writes it for Llama 3.</summary>
    public GgufSample Tokenizer(string path)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        var vocabulary = json.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject().Select(token => (token.Name, Id: token.Value.GetInt32(), Type: 1))
            .Concat(json.RootElement.GetProperty("added_tokens").EnumerateArray().Select(token => (Name: token.GetProperty("content").GetString()!, Id: token.GetProperty("id").GetInt32(), Type: 3)))
            .OrderBy(token => token.Id).ToList();
        Text("tokenizer.ggml.model", "gpt2").Text("tokenizer.ggml.pre", "llama-bpe").Texts("tokenizer.ggml.tokens", [.. vocabulary.Select(token => token.Name)]);
        Types("tokenizer.ggml.token_type", [.. vocabulary.Select(token => token.Type)]);
        Texts("tokenizer.ggml.merges", [.. json.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray().Select(merge => merge.GetString()!)]);
        Number("tokenizer.ggml.bos_token_id", (uint)vocabulary.First(token => token.Name == "<|begin_of_text|>").Id);
        Number("tokenizer.ggml.eos_token_id", (uint)vocabulary.First(token => token.Name == "<|eot_id|>").Id);
        return this;
    }
}
