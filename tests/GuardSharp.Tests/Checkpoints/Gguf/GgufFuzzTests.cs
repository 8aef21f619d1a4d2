using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;

namespace GuardSharp.Tests.Checkpoints.Gguf;

/// <summary>Damaged GGUF files: each is read or refused with a GuardException. More with GUARDSHARP_FUZZ_ITERATIONS, as for the safetensors files.</summary>
public sealed class GgufFuzzTests
{
    // Most that a file of some kilobytes may allocate.
    private const long MaxAllocatedBytes = 64 << 20;

    [Fact]
    public void Nothing_but_a_GuardException_escapes_from_mutated_files()
    {
        using var folder = new TemporaryFolder();
        var sample = Small();
        var (accepted, refused) = (0, 0);
        var iterations = int.TryParse(Environment.GetEnvironmentVariable("GUARDSHARP_FUZZ_ITERATIONS"), out var many) ? many : 4000;
        for (var i = 0; i < iterations; i++)
        {
            File.WriteAllBytes(folder["m.gguf"], Damage(sample, new Random(i)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Read(folder["m.gguf"]);
                accepted++;
            }
            catch (GuardException)
            {
                refused++;
            }
            catch (Exception exception)
            {
                Assert.Fail($"iteration {i}: {exception}");
            }

            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MaxAllocatedBytes, $"iteration {i}: too much memory");
        }

        // Both outcomes must occur, or the damages are too tame or too wild to test anything.
        Assert.InRange(accepted, iterations / 200, iterations);
        Assert.InRange(refused, iterations / 10, iterations);
    }

    private static void Read(string path)
    {
        using var checkpoint = Checkpoint.Open(path);
        foreach (var tensor in checkpoint.Tensors)
        {
            Decode(tensor);
        }

        Assert.Equal(64, checkpoint.Sha256.Length);
        Assert.True(ModelConfig.Read(path).Parameters() > 0);
        ChatTemplate.Read(path);
        ModelTokenizer.Load(path);
    }

    /// <summary>The last block is the one that a wrong size would put behind the file.</summary>
    private static unsafe void Decode(TensorEntry tensor)
    {
        if (tensor.Type.BlockSize() > 1 && tensor.Bytes > 0)
        {
            var last = new ReadOnlySpan<byte>((byte*)tensor.Data + tensor.Bytes - tensor.Type.BlockBytes(), tensor.Type.BlockBytes());
            Dequantisation.Run(tensor.Type, last, new float[tensor.Type.BlockSize()]);
        }
    }

    private static byte[] Damage(byte[] original, Random random)
    {
        var bytes = (byte[])original.Clone();
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            var at = random.Next(bytes.Length);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes = bytes[..at];
                    break;
                case 3:
                    // Lengths, counts and sizes are 8 bytes.
                    BitConverter.TryWriteBytes(bytes.AsSpan(Math.Min(at, Math.Max(0, bytes.Length - 8))), random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64));
                    break;
                default:
                    bytes = [.. bytes.AsSpan(0, at), .. bytes.AsSpan(Math.Min(bytes.Length, at + random.Next(1, 40)))];
                    break;
            }

            if (bytes.Length == 0)
            {
                return bytes;
            }
        }

        return bytes;
    }

    // Small enough that a damage usually meets the header.
    private static byte[] Small()
    {
        string[] letters = [.. Enumerable.Range(0, 256).Select(value => GuardSharp.Tokenization.ByteLevelAlphabet.Spell([(byte)value]))];
        string[] tokens = [.. letters, "ab", "<|eot_id|>"];
        return new GgufSample()
            .Text("general.architecture", "llama").Number("llama.block_count", 1).Number("llama.context_length", 64).Number("llama.embedding_length", 32)
            .Number("llama.feed_forward_length", 32).Number("llama.attention.head_count", 4).Number("llama.attention.head_count_kv", 2)
            .Single("llama.attention.layer_norm_rms_epsilon", 1e-5f).Single("llama.rope.freq_base", 10000)
            .Text("tokenizer.chat_template", "x").Text("tokenizer.ggml.model", "gpt2").Text("tokenizer.ggml.pre", "llama-bpe")
            .Texts("tokenizer.ggml.tokens", tokens).Types("tokenizer.ggml.token_type", [.. tokens.Select(token => token.Length > 5 ? 3 : 1)])
            .Texts("tokenizer.ggml.merges", ["a b"]).Number("tokenizer.ggml.eos_token_id", 257)
            .Tensor("token_embd.weight", 8, [32, 258], new byte[258 * 34]).Tensor("rope_freqs.weight", 0, [4], GgufSample.F32([1, 1, 2, 4]).Data)
            .Tensor("output_norm.weight", 0, [32], new byte[128]).ToArray();
    }
}
