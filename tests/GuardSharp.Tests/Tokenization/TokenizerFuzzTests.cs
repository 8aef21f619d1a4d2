using CsCheck;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>Damaged files give a CheckpointException or a tokenizer that works, nothing else.</summary>
public sealed class TokenizerFuzzTests
{
    [Fact]
    public void A_mutated_tokenizer_json_never_escapes_the_exceptions_of_the_guard()
    {
        var file = File.ReadAllBytes(SmallTokenizer.Path);
        // Half the mutations hit the settings at the head, not one of the many tokens.
        var place = Gen.OneOf(Gen.Int[0, file.Length - 1], Gen.Int[0, Math.Min(file.Length, 2_600)]);
        var mutation = Gen.Select(place, Gen.OneOf(Gen.Byte.Select(value => new[] { value }), Gen.OneOf(
            Gen.Const("\\ud800"u8.ToArray()), Gen.Const("null"u8.ToArray()), Gen.Const("{"u8.ToArray()), Gen.Const("]"u8.ToArray()),
            Gen.Const("\""u8.ToArray()), Gen.Const("99999999"u8.ToArray()), Gen.Const("-1"u8.ToArray()))));
        mutation.Array[1, 4].Sample(
            mutations =>
            {
                var copy = file.ToArray();
                foreach (var (at, bytes) in mutations)
                {
                    bytes.AsSpan(0, Math.Min(bytes.Length, copy.Length - at)).CopyTo(copy.AsSpan(at));
                }

                Try(() => new HuggingFaceReader("tokenizer.json").Read(copy));
            },
            iter: 5_000);
    }

    [Fact]
    public void A_mutated_tokenizer_model_never_escapes_the_exceptions_of_the_guard()
    {
        var lines = string.Concat(Enumerable.Range(0, 300).Select(i => $"{Convert.ToBase64String(i < 256 ? [(byte)i] : [(byte)i, 65])} {i}\n"));
        var file = System.Text.Encoding.ASCII.GetBytes(lines);
        Gen.Select(Gen.Int[0, file.Length - 1], Gen.Byte).Array[1, 4].Sample(
            mutations =>
            {
                var copy = file.ToArray();
                foreach (var (at, value) in mutations)
                {
                    copy[at] = value;
                }

                Try(() => TiktokenReader.ReadTokens("tokenizer.model", copy));
            },
            iter: 5_000);
    }

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (CheckpointException error)
        {
            Assert.StartsWith("tokenizer.", error.Message, StringComparison.Ordinal);
        }
    }
}
