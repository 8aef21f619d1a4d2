using System.Text;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Tests.Evaluation.Datasets;

namespace GuardSharp.Tests.Cli;

public sealed class DataConvertCommandTests : IDisposable
{
    private static readonly byte[] _png = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 7];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Rows_come_back_from_Parquet_as_they_were()
    {
        string[] rows =
        [
            DataRows.Row("a", "h\u00e9llo \u2028 \ud83d\ude00 \"quoted\"", true, ["S1", "S10"]),
            DataRows.Row("b", "text", null, answer: "answer\nof two lines", writtenBy: "gpt-4"),
            """{"id":"c","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"unsafe":false,"labelled":{"by":"m","votes":3},"note":1.50}""",
        ];
        // More rows than one group holds.
        var many = Enumerable.Range(0, 9000).Select(i => DataRows.Row($"many{i}", $"text {i}"));
        var path = _folder.Write("rows.jsonl", string.Join('\n', rows.Concat(many)));

        var there = await CommandLineRun.OfAsync("data", "convert", path, _folder["rows.parquet"]);
        var back = await CommandLineRun.OfAsync("data", "convert", _folder["rows.parquet"], _folder["back.jsonl.gz"], "--json");

        Assert.Equal((0, "", 0, ""), (there.Code, there.Error, back.Code, back.Error));
        Assert.Equal(9003, back.Json().GetProperty("rows").GetInt32());
        var lines = SampleReader.ReadLines(_folder["back.jsonl.gz"]).Select(line => line.Text).ToList();
        Assert.Equal(9003, lines.Count);
        foreach (var (before, after) in rows.Zip(lines))
            Assert.Equal(Fields(before), Fields(after));
        Assert.Equal("many8999", Fields(lines[^1])["id"].Trim('"'));
    }

    [Fact]
    public async Task Samples_are_read_from_Parquet_wherever_JSON_Lines_are()
    {
        var path = _folder.Write("rows.jsonl", string.Join('\n', Enumerable.Range(0, 6).Select(i => DataRows.Row($"{i}", $"text {i}", i % 2 == 0))));
        await CommandLineRun.OfAsync("data", "convert", path, _folder["rows.parquet"]);

        var plain = SampleReader.Read(path, labelled: true).ToList();
        var parquet = SampleReader.Read(_folder["rows.parquet"], labelled: true).ToList();
        var evaluated = await CommandLineRun.OfAsync("evaluate", _folder["rows.parquet"], "--output", _folder["out"], "--resamples", "0", "--json");

        Assert.Equal(plain.Select(sample => (sample.Id, sample.Unsafe, sample.Source)), parquet.Select(sample => (sample.Id, sample.Unsafe, sample.Source)));
        Assert.Equal($"{_folder["rows.parquet"]}:6", parquet[5].Place);
        Assert.Equal(6, evaluated.Json().GetProperty("overall").GetProperty("n").GetInt32());
    }

    [Theory]
    [InlineData("paths")]
    [InlineData("embed")]
    public async Task Pictures_keep_their_bytes_on_every_way(string images)
    {
        Directory.CreateDirectory(_folder["in/p"]);
        File.WriteAllBytes(_folder["in/p/one.png"], _png);
        _folder.Write("in/rows.jsonl", DataRows.Row("a", "?").Replace("\"?\"", $$"""[{"type":"image","path":"p/one.png"},{"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"data:image/png;base64,{{Convert.ToBase64String([.. _png, 9])}}"} }]""", StringComparison.Ordinal));
        Directory.CreateDirectory(_folder["out"]);

        var there = await CommandLineRun.OfAsync("data", "convert", _folder["in/rows.jsonl"], _folder["out/rows.parquet"], "--images", images);
        if (images == "embed")
            Directory.Delete(_folder["in"], recursive: true);
        var back = await CommandLineRun.OfAsync("data", "convert", _folder["out/rows.parquet"], _folder["out/back.jsonl"]);

        Assert.Equal((0, 0), (there.Code, back.Code));
        foreach (var file in (string[])["out/rows.parquet", "out/back.jsonl"])
        {
            var pictures = Assert.Single(SampleReader.Read(_folder[file], labelled: true)).Conversation.Turns[0].Parts.OfType<ImagePart>().Select(part => part.Data.ToArray());
            Assert.Equal([_png, [.. _png, 9]], pictures);
        }
    }

    [Fact]
    public async Task A_damaged_Parquet_file_is_an_error_with_its_place()
    {
        var path = _folder.Write("rows.jsonl", string.Join('\n', Enumerable.Range(0, 50).Select(i => DataRows.Row($"{i}", DataRows.Distinct(i)))));
        await CommandLineRun.OfAsync("data", "convert", path, _folder["rows.parquet"]);
        var bytes = File.ReadAllBytes(_folder["rows.parquet"]);
        File.WriteAllBytes(_folder["cut.parquet"], bytes[..(bytes.Length / 2)]);
        bytes.AsSpan(40, 200).Fill(0xA5);
        File.WriteAllBytes(_folder["broken.parquet"], bytes);
        File.WriteAllBytes(_folder["tiny.parquet"], Encoding.UTF8.GetBytes("PAR1"));

        foreach (var name in (string[])["cut.parquet", "broken.parquet", "tiny.parquet"])
        {
            (await CommandLineRun.OfAsync("data", "convert", _folder[name], _folder["out.jsonl"])).IsRefused("Parquet file is damaged");
            Assert.False(File.Exists(_folder["out.jsonl"]));
        }
    }

    [Fact]
    public async Task What_cannot_be_converted_is_refused_and_nothing_is_left()
    {
        var path = _folder.Write("rows.jsonl", DataRows.Row("a", "text") + "\n" + DataRows.Row("b", "text").Replace("false,\"categories\"", "\"no\",\"categories\"", StringComparison.Ordinal));
        (await CommandLineRun.OfAsync("data", "convert", path, _folder["out.parquet"])).IsRefused($"{path}:2: \"unsafe\" is a string");
        (await CommandLineRun.OfAsync("data", "convert", path, _folder["out.jsonl"], "--images", "embed")).IsRefused("only .parquet");
        (await CommandLineRun.OfAsync("data", "convert", path, _folder["out.csv"])).IsRefused(".parquet");
        (await CommandLineRun.OfAsync("data", "convert", path, path)).IsRefused("take the place");
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    private static SortedDictionary<string, string> Fields(string json)
    {
        using var document = JsonDocument.Parse(json);
        // A list that is there and empty says the same as none; null the same as nothing.
        return new(document.RootElement.EnumerateObject().Where(one => one.Value.ValueKind != JsonValueKind.Null && one.Value.GetRawText() != "[]")
            .ToDictionary(one => one.Name, one => JsonSerializer.Serialize(one.Value)));
    }
}
