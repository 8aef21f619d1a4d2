using System.Security.Cryptography;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class CheckpointTests
{
    private static readonly string Sharded = TestFiles.Golden("llama4-guard-tiny", "bf16-sharded");

    [Theory]
    [InlineData("llama4-tiny")]
    [InlineData("llama4-guard-tiny")]
    [InlineData("llama4-guard-tiny/bf16-sharded")]
    [InlineData("llama4-moe-tiny/moe")]
    [InlineData("llama4-moe-tiny/dense")]
    public void Golden_checkpoints_open(string folder)
    {
        using var checkpoint = Checkpoint.Open(TestFiles.Golden(folder.Split('/')));
        Assert.True(checkpoint.TryGet("language_model.model.embed_tokens.weight", out var embedding));
        Assert.Equal([512, 64], embedding.Shape);
        Assert.Equal(checkpoint.Names.Count, checkpoint.Tensors.Count);
    }

    [Fact]
    public void Shards_hold_the_rounded_numbers_of_the_single_file()
    {
        using var single = Checkpoint.Open(TestFiles.Golden("llama4-guard-tiny"));
        using var sharded = Checkpoint.Open(Sharded);
        Assert.Equal(single.Names.Order(), sharded.Names.Order());
        Assert.Equal(4, sharded.Files.Count);
        foreach (var tensor in single.Tensors)
        {
            var rounded = sharded.Get(tensor.Name);
            Assert.Equal(TensorType.BF16, rounded.Type);
            // bfloat16 keeps 8 bits of the fraction: half a unit of the last is 2^-9 of the value.
            Assert.All(tensor.ToSingles().Zip(rounded.ToSingles()), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, Math.Abs(pair.First) / 256));
        }
    }

    [Fact]
    public void A_missing_folder_and_an_empty_one_are_errors()
    {
        using var folder = new TemporaryFolder();
        AssertError(folder["none"], "There is no folder");
        AssertError(folder.Path, "holds neither model.safetensors nor model.safetensors.index.json");
    }

    [Fact]
    public void A_missing_shard_is_an_error_that_names_it()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        File.Delete(folder["model-00003-of-00004.safetensors"]);
        AssertError(folder.Path, "model-00003-of-00004.safetensors: the shard that model.safetensors.index.json names is missing");
    }

    [Fact]
    public void A_tensor_of_the_index_that_is_not_in_its_shard_is_an_error()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        EditIndex(folder, map => map["extra.weight"] = "model-00001-of-00004.safetensors");
        AssertError(folder.Path, "model-00001-of-00004.safetensors: tensor \"extra.weight\" is not in it");
    }

    [Fact]
    public void A_tensor_that_lies_in_another_shard_than_the_index_says_is_an_error()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        EditIndex(folder, map => map["language_model.lm_head.weight"] = "model-00001-of-00004.safetensors");
        AssertError(folder.Path, "model-00001-of-00004.safetensors: tensor \"language_model.lm_head.weight\" is not in it");
    }

    [Fact]
    public void A_tensor_of_a_shard_that_the_index_does_not_name_is_an_error()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        EditIndex(folder, map => map.Remove("language_model.lm_head.weight"));
        AssertError(folder.Path, "model-00004-of-00004.safetensors: tensor \"language_model.lm_head.weight\" is not in model.safetensors.index.json");
    }

    [Fact]
    public void A_tensor_in_two_shards_is_an_error_that_names_both()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        File.Copy(folder["model-00004-of-00004.safetensors"], folder["copy.safetensors"]);
        EditIndex(folder, map => map["language_model.lm_head.weight"] = "copy.safetensors");
        AssertError(folder.Path, "is also in copy.safetensors");
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/model.safetensors")]
    [InlineData("model.bin")]
    [InlineData("")]
    public void A_shard_outside_the_folder_or_of_another_kind_is_an_error(string shard)
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        EditIndex(folder, map => map["language_model.lm_head.weight"] = shard);
        AssertError(folder.Path, "model.safetensors.index.json: tensor \"language_model.lm_head.weight\" is in");
    }

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData("{}", "\"weight_map\" is missing")]
    [InlineData("""{"weight_map":3}""", "\"weight_map\" is 3, but an object is allowed")]
    [InlineData("""{"weight_map":{"a":1}}""", "tensor \"a\" is in \"\"")]
    [InlineData("""{"weight_map":{"a":"b.safetensors","a":"c.safetensors"}}""", "\"weight_map.a\" stands twice")]
    public void A_damaged_index_is_an_error(string json, string expected)
    {
        using var folder = new TemporaryFolder();
        folder.Write("model.safetensors.index.json", json);
        AssertError(folder.Path, expected);
    }

    [Fact]
    public void A_cut_off_shard_is_an_error_that_names_it()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Sharded);
        using (var shard = new FileStream(folder["model-00002-of-00004.safetensors"], FileMode.Open))
        {
            shard.SetLength(shard.Length - 2);
        }

        AssertError(folder.Path, "model-00002-of-00004.safetensors: tensor");
    }

    [Fact]
    public void The_digest_of_a_single_file_is_its_sha256()
    {
        var path = TestFiles.Golden("llama4-guard-tiny");
        using var checkpoint = Checkpoint.Open(path);
        var expected = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(path, "model.safetensors"))));
        Assert.Equal(expected, checkpoint.Sha256);
        Assert.Equal(expected[..12], checkpoint.Digest.Short);
    }

    [Fact]
    public void The_digest_of_a_sample_is_marked_and_tells_fine_tunes_apart()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(TestFiles.Golden("llama4-guard-tiny"));
        string first;
        using (var checkpoint = Checkpoint.Open(folder.Path))
        {
            var digest = WeightsDigest.Compute(checkpoint.Files, full: false);
            Assert.StartsWith("~", digest.Short, StringComparison.Ordinal);
            Assert.Equal(64, digest.Hex.Length);
            first = digest.Hex;
        }

        var bytes = File.ReadAllBytes(folder["model.safetensors"]);
        for (var i = bytes.Length / 2; i < bytes.Length; i += 1000)
        {
            bytes[i] ^= 1;
        }

        File.WriteAllBytes(folder["model.safetensors"], bytes);
        using var changed = Checkpoint.Open(folder.Path);
        Assert.NotEqual(first, WeightsDigest.Compute(changed.Files, full: false).Hex);
    }

    [Fact]
    public async Task A_digest_under_way_outlives_the_disposal()
    {
        for (var i = 0; i < 20; i++)
        {
            var checkpoint = Checkpoint.Open(TestFiles.Golden("llama4-guard-tiny"));
            var digest = checkpoint.DigestAsync();
            checkpoint.Dispose();
            try
            {
                Assert.Equal(64, (await digest).Hex.Length);
            }
            catch (ObjectDisposedException)
            {
                // The disposal came first: an error of the caller, never a read of unmapped memory.
            }
        }
    }

    [Fact]
    public void A_recorded_hash_takes_the_place_of_a_sample_only()
    {
        var manifest = new GuardManifest { Name = "n", Version = "v", Codes = ["S1"], WeightsSha256 = new string('a', 64) };
        var other = new string('b', 64);
        Assert.Equal(manifest.WeightsSha256, new WeightsDigest(other, true).OrRecorded(manifest).Hex);
        Assert.Equal(other, new WeightsDigest(other, false).OrRecorded(manifest).Hex);
        Assert.True(new WeightsDigest(other, true).OrRecorded(null).IsSample);
    }

    private static void EditIndex(TemporaryFolder folder, Action<JsonObject> edit)
    {
        var path = folder["model.safetensors.index.json"];
        var root = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        edit(root["weight_map"]!.AsObject());
        File.WriteAllText(path, root.ToJsonString());
    }

    private static void AssertError(string folder, string expected)
    {
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder).Dispose());
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
