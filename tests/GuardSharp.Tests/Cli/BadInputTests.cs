using System.Buffers.Binary;

namespace GuardSharp.Tests.Cli;

public sealed class BadInputTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Required command", new string[0])]
    [InlineData("bogus", new[] { "bogus" })]
    [InlineData("there is no option --jsn", new[] { "classify", "--jsn" })]
    [InlineData("nothing to judge", new[] { "classify" })]
    [InlineData("--threshold is \"1.5\"", new[] { "classify", "x", "--threshold", "1.5" })]
    [InlineData("--threshold is \"high\"", new[] { "classify", "x", "--threshold", "high" })]
    [InlineData("--threads is -1", new[] { "classify", "x", "--threads", "-1" })]
    [InlineData("--role is \"narrator\"", new[] { "classify", "x", "--role", "narrator" })]
    [InlineData("--prompt-variant is \"jinja\"", new[] { "classify", "x", "--prompt-variant", "jinja" })]
    [InlineData("go together", new[] { "classify", "--batch", "rows.jsonl" })]
    [InlineData("cannot be read", new[] { "classify", "--image", "none.png" })]
    [InlineData("cannot be read", new[] { "classify", "--image", "" })]
    [InlineData("cannot be read", new[] { "classify", "--conversation", "" })]
    [InlineData("cannot be read", new[] { "classify", "x", "--policy", "" })]
    [InlineData("There is no folder", new[] { "classify", "x", "--model", "/none" })]
    [InlineData("cannot be read", new[] { "tokenize", "x", "--tokenizer", "/none" })]
    [InlineData("--tolerance is \"0\"", new[] { "verify", "--model", "m", "--case", "c", "--tolerance", "0" })]
    [InlineData("--processor is \"mllama5\"", new[] { "preprocess", "--processor", "mllama5", "--image", "i", "--output", "o" })]
    public async Task A_wrong_command_line_is_told_in_one_line(string saying, string[] args) =>
        (await CommandLineRun.OfAsync(args)).IsRefused(saying);

    [Theory]
    [InlineData("""{"messages":[]}""", "list of messages is empty")]
    [InlineData("""{"messages":[{"role":"user","content":"  "}]}""", "is empty")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}""", "both User turns")]
    [InlineData("""{"messages":[{"role":"assistant","content":"a"}]}""", "starts with a user turn")]
    [InlineData("""{"messages":[{"role":"narrator","content":"a"}]}""", "unknown role")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image","path":"none.png"}]}]}""", "cannot be read")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", "not valid Unicode")]
    [InlineData("not json", "not JSON")]
    public async Task A_wrong_conversation_is_refused(string json, string saying) =>
        (await CommandLineRun.OfAsync("classify", "--conversation", _folder.Write("c.json", json), "--model", model.Folder)).IsRefused(saying);

    [Theory]
    [InlineData("""{"name":"p","categories":["S99"]}""", "unknown category \"S99\"")]
    [InlineData("""{"name":"p","categories":[{"code":"S99","name":"Spam"}]}""", "S99")]
    [InlineData("""{"name":"p","categories":["S1"],"thresholds":{"S2":0.5}}""", "S2")]
    [InlineData("""{"name":"p","categories":[]}""", "no category")]
    public async Task A_policy_the_model_cannot_follow_is_refused(string json, string saying) =>
        (await CommandLineRun.OfAsync("classify", "x", "--policy", _folder.Write("p.json", json), "--model", model.Folder)).IsRefused(saying);

    [Fact]
    public async Task A_conversation_past_the_context_is_refused_with_both_numbers()
    {
        var run = await CommandLineRun.OfAsync("classify", string.Concat(Enumerable.Repeat("many words ", 500)), "--model", model.Folder);
        run.IsRefused("tokens but the context holds 512");
    }

    [Theory]
    [InlineData("zero")]
    [InlineData("text")]
    [InlineData("cut")]
    [InlineData("bomb")]
    public async Task A_picture_that_cannot_be_judged_is_refused_and_nothing_is_written(string kind)
    {
        var whole = File.ReadAllBytes(TestFiles.Golden("preprocessing", "images", "gradient_640x480.png"));
        File.WriteAllBytes(_folder["p.png"], kind switch
        {
            "zero" => [],
            "text" => "no picture at all"u8.ToArray(),
            "cut" => whole[..(whole.Length / 2)],
            _ => Bomb(whole, 50_000),
        });

        (await CommandLineRun.OfAsync("classify", "x", "--image", _folder["p.png"], "--model", model.Folder)).IsRefused("");
        (await CommandLineRun.OfAsync("preprocess", "--processor", "llama4", "--image", _folder["p.png"], "--output", _folder["o.safetensors"])).IsRefused("");
        Assert.Equal([_folder["p.png"]], Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData("truncated", "model.safetensors")]
    [InlineData("oversized header", "model.safetensors")]
    [InlineData("overlapping", "model.safetensors")]
    [InlineData("not safetensors", "model.safetensors")]
    [InlineData("wrong config", "hidden_size")]
    [InlineData("config without layers", "num_hidden_layers")]
    [InlineData("no weights", "model.safetensors")]
    [InlineData("no config", "config.json")]
    [InlineData("no tokenizer", "tokenizer")]
    [InlineData("damaged tokenizer", "tokenizer.json")]
    [InlineData("damaged manifest", "guardsharp.json")]
    public async Task A_damaged_model_folder_is_refused_with_the_name_of_the_file(string damage, string saying)
    {
        TestModel.Write(_folder.Path);
        Damage(damage);
        (await CommandLineRun.OfAsync("classify", "x", "--model", _folder.Path)).IsRefused(damage == "wrong config" ? "config.json" : saying);
    }

    [Fact]
    public async Task A_missing_shard_is_refused_by_its_name()
    {
        foreach (var file in Directory.GetFiles(TestFiles.Golden("llama4-guard-tiny", "bf16-sharded")))
        {
            File.Copy(file, _folder[Path.GetFileName(file)]);
        }

        File.Delete(_folder["model-00003-of-00004.safetensors"]);
        var run = await CommandLineRun.OfAsync("verify", "--model", _folder.Path, "--case", TestFiles.Golden("llama4-guard-tiny", "cases", "text_short.safetensors"));
        run.IsRefused("model-00003-of-00004.safetensors");
    }

    private void Damage(string damage)
    {
        var weights = File.ReadAllBytes(_folder["model.safetensors"]);
        switch (damage)
        {
            case "truncated":
                File.WriteAllBytes(_folder["model.safetensors"], weights[..(weights.Length / 2)]);
                break;
            case "oversized header":
                BinaryPrimitives.WriteUInt64LittleEndian(weights, ulong.MaxValue);
                File.WriteAllBytes(_folder["model.safetensors"], weights);
                break;
            case "overlapping":
                WriteOverlapping(_folder["model.safetensors"]);
                break;
            case "not safetensors":
                File.WriteAllText(_folder["model.safetensors"], "hello");
                break;
            case "wrong config":
                Replace("config.json", "\"hidden_size\": 64", "\"hidden_size\": 128");
                break;
            case "config without layers":
                Replace("config.json", "\"num_hidden_layers\": 5", "\"num_hidden_layers\": 0");
                break;
            case "no weights":
                File.Delete(_folder["model.safetensors"]);
                break;
            case "no config":
                File.Delete(_folder["config.json"]);
                break;
            case "no tokenizer":
                File.Delete(_folder["tokenizer.json"]);
                break;
            case "damaged tokenizer":
                File.WriteAllText(_folder["tokenizer.json"], "{\"model\":{}}");
                break;
            default:
                File.WriteAllText(_folder["guardsharp.json"], "{");
                break;
        }
    }

    private void Replace(string name, string old, string now)
    {
        var text = File.ReadAllText(_folder[name]);
        Assert.Contains(old, text);
        File.WriteAllText(_folder[name], text.Replace(old, now));
    }

    private static void WriteOverlapping(string path)
    {
        var header = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"""u8;
        using var file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        file.Write(length);
        file.Write(header);
        file.Write(new byte[12]);
    }

    // A PNG that promises 2.5 billion pixels: refused by its header, or the decoder would ask for 10 GB. The header's checksum is right.
    private static byte[] Bomb(byte[] png, int side)
    {
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), side);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), side);
        var crc = uint.MaxValue;
        foreach (var value in png.AsSpan(12, 17))
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
            }
        }

        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), ~crc);
        return png;
    }
}
