using System.IO.Compression;
using System.Text;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Tests.Evaluation;

public sealed class SampleReaderTests : IDisposable
{
    private const string Good = """{"id":"a","task":"prompt","messages":[{"role":"user","content":"hi"}],"unsafe":false,"categories":[],"language":"en","source":"s"}""";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_row_is_read_with_all_it_says_plain_or_gzip(bool gzip)
    {
        const string Row = """{"id":"x","task":"response","messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"text","text":"a"}]}],"unsafe":true,"categories":["S4"],"language":"de","source":"s","extra":1}""";
        var sample = Assert.Single(SampleReader.Read(gzip ? Gzip("rows.bin", Row + "\n\n") : _folder.Write("rows.jsonl", Row), labelled: true));

        Assert.Equal(("x", SampleTask.Response, true, "de", "s"), (sample.Id, sample.Task, sample.Unsafe, sample.Language, sample.Source));
        Assert.Equal(["S4"], sample.Categories);
        var conversation = sample.Conversation;
        Assert.Equal([Role.User, Role.Assistant], conversation.Turns.Select(turn => turn.Role));
        Assert.Equal(new TextPart("a"), conversation.Turns[1].Parts[0]);
    }

    [Fact]
    public void Images_are_found_beside_the_file()
    {
        Directory.CreateDirectory(_folder["images"]);
        File.WriteAllBytes(_folder["images/p.png"], [1, 2, 3]);
        var path = _folder.Write("rows.jsonl", """{"messages":[{"role":"user","content":[{"type":"image","path":"images/p.png"}]}]}""");

        var sample = Assert.Single(SampleReader.Read(path, labelled: false));

        Assert.Equal(1, sample.ImageCount);
        Assert.Equal([1, 2, 3], Assert.IsType<ImagePart>(sample.Conversation.Turns[0].Parts[0]).Data.ToArray());
    }

    [Theory]
    [InlineData("not json", "not one JSON object")]
    [InlineData("""{"id":"a"}""", "no \"messages\"")]
    [InlineData("""{"messages":[]}""", "list of messages is empty")]
    [InlineData("""{"messages":"hi"}""", "a list of messages is needed")]
    [InlineData("""{"messages":[{"role":"narrator","content":"x"}]}""", "unknown role")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "no content")]
    [InlineData("""{"messages":[{"role":"user","content":5}]}""", "content that is Number")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"sound"}]}]}""", "unknown type")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image","path":"none.png"}]}]}""", "cannot be read")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", "not valid Unicode")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}]}""", "no \"unsafe\"")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"unsafe":"yes"}""", "must be true or false")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"unsafe":false,"categories":["S1"]}""", "safe but names")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"unsafe":true,"categories":"S1"}""", "must be a list of codes")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"unsafe":true,"task":"both"}""", "prompt or response")]
    public void A_bad_row_is_named_by_file_and_line(string row, string saying)
    {
        var path = _folder.Write("rows.jsonl", Good + "\n" + row + "\n");
        var error = Assert.ThrowsAny<GuardException>(() => SampleReader.Read(path, labelled: true).Count());
        Assert.StartsWith($"{path}:2", error.Message);
        Assert.Contains(saying, error.Message);
    }

    [Fact]
    public void A_gzip_file_that_was_cut_off_is_an_error()
    {
        // Random ids do not compress away, so the cut falls inside the rows.
        var random = new Random(3);
        var whole = Gzip("whole.gz", string.Join('\n', Enumerable.Range(0, 2000).Select(_ => Good.Replace("\"a\"", $"\"{random.NextInt64()}\""))));
        File.WriteAllBytes(_folder["cut.gz"], File.ReadAllBytes(whole)[..5000]);
        var error = Assert.Throws<SampleFileException>(() => SampleReader.Read(_folder["cut.gz"], labelled: true).Count());
        Assert.Contains("cut.gz", error.Message);
    }

    [Fact]
    public void A_gzip_file_cut_off_between_two_rows_is_an_error_and_not_a_shorter_file()
    {
        // A flush ends a block on a byte: what stands before it unpacks to whole rows. Then the same file without its check sum.
        using var file = new MemoryStream();
        using (var gzip = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(Good + "\n"));
            gzip.Flush();
            File.WriteAllBytes(_folder["half.gz"], file.ToArray());
            gzip.Write(Encoding.UTF8.GetBytes(Good + "\n"));
        }

        File.WriteAllBytes(_folder["unsealed.gz"], file.ToArray()[..^8]);
        foreach (var name in (string[])["half.gz", "unsealed.gz"])
        {
            var error = Assert.Throws<SampleFileException>(() => SampleReader.Read(_folder[name], labelled: true).Count());
            Assert.Contains("cut off", error.Message);
        }
    }

    [Fact]
    public void A_gzip_file_of_several_members_is_read_whole()
    {
        byte[] member = File.ReadAllBytes(Gzip("one.gz", Good + "\n"));
        File.WriteAllBytes(_folder["two.gz"], [.. member, .. member]);
        Assert.Equal(2, SampleReader.Read(_folder["two.gz"], labelled: true).Count());
    }

    [Fact]
    public void The_mark_of_the_end_hides_no_rows_behind_it() =>
        Assert.Contains(":2", Assert.Throws<SampleFileException>(
            () => SampleReader.Read(Gzip("mark.gz", $"{Good}\n{MarkedGzip.EndLine}\n{Good}\n"), labelled: true).Count()).Message);

    [Fact]
    public void Text_that_is_not_utf8_is_an_error()
    {
        File.WriteAllBytes(_folder["latin1.jsonl"], Encoding.Latin1.GetBytes(Good.Replace("hi", "né")));
        Assert.Contains("UTF-8", Assert.Throws<SampleFileException>(() => SampleReader.Read(_folder["latin1.jsonl"], labelled: true).Count()).Message);
    }

    [Fact]
    public void A_missing_file_is_an_error() =>
        Assert.Throws<SampleFileException>(() => SampleReader.Read(_folder["none.jsonl"], labelled: false).Count());

    [Fact]
    public void The_shared_development_set_is_read_whole()
    {
        var samples = SampleReader.Read(TestFiles.Shared("data", "guard-dev.jsonl.gz"), labelled: true).ToList();
        Assert.Equal((6810, 593, 2163), (samples.Count(s => s.Task == SampleTask.Prompt), samples.Count(s => s.Task == SampleTask.Response), samples.Count(s => s.Unsafe == true)));
    }

    [Fact]
    public void The_shared_pictures_are_read_whole()
    {
        var samples = SampleReader.Read(TestFiles.Shared("data", "figstep", "figstep.jsonl"), labelled: true).ToList();
        Assert.Equal((346, 346), (samples.Count, samples.Count(sample => sample.ImageCount == 1)));
    }

    private string Gzip(string name, string text)
    {
        using var file = new GZipStream(File.Create(_folder[name]), CompressionLevel.Fastest);
        file.Write(Encoding.UTF8.GetBytes(text));
        return _folder[name];
    }
}
