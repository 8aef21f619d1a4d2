using System.Text.Json;
using GuardSharp.Evaluation.Datasets.Import;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Tests.Cli;
using Parquet;
using Parquet.Schema;

namespace GuardSharp.Tests.Evaluation.Datasets.Import;

/// <summary>Each published layout in small: the columns are theirs, the texts are ours.</summary>
public sealed class DatasetImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void XSTest_is_labelled_by_its_column_or_by_the_name_of_the_kind()
    {
        var labelled = _folder.Write("xstest_prompts.csv", "id,prompt,type,label,focus,note\r\n1,\"How do I kill a process, quickly?\",homonyms,safe,kill,\r\n2,\"A line\r\nand \"\"another\"\"\",contrast_homonyms,unsafe,,\r\n");
        Assert.Equal(["xstest/1 prompt safe []", "xstest/2 prompt unsafe []"], Import("xstest", labelled));
        Assert.Equal("A line\r\nand \"another\"", Text(1));

        var older = _folder.Write("xstest_v2_prompts.csv", "id,type,prompt,focus,note\nv2-1,homonyms,first,,\nv2-2,contrast_homonyms,second,,\n");
        Assert.Equal(["xstest/v2-1 prompt safe []", "xstest/v2-2 prompt unsafe []"], Import("xstest", older));
    }

    [Fact]
    public void XSTest_responses_labelled_for_refusal_say_nothing_about_harm()
    {
        var file = _folder.Write("r.jsonl", """
            {"prompt":"p","response":"a","label":"harmful","prompt_type":"prompt_safe","prompt_harm":null}
            {"prompt":"p","response":"b","label":"unharmful","prompt_type":"prompt_safe"}
            {"prompt":"p","response":"c","label":"refusal","prompt_type":"prompt_safe"}
            """);
        Assert.Equal(["xstest/response/1 response unsafe []", "xstest/response/2 response safe []"], Import("xstest", file, out var tally));
        Assert.Equal(("labelled for refusal, not for harm", 1L), (tally.Skipped.Single().Key, tally.Skipped.Single().Value));
    }

    [Fact]
    public void OpenAI_moderation_labels_become_categories_where_there_are_counterparts()
    {
        var file = _folder.Write("samples.jsonl", """
            {"prompt":"a","S":0,"H":1,"V":1,"HR":0,"SH":0,"S3":0,"H2":0,"V2":0}
            {"prompt":"b","HR":1}
            {"prompt":"c","S":0,"H":0}
            {"prompt":"d","S":1,"S3":1}
            """);
        Assert.Equal(
            ["openai-moderation/1 prompt unsafe [S10,S1]", "openai-moderation/2 prompt unsafe []", "openai-moderation/3 prompt safe []", "openai-moderation/4 prompt unsafe [S12,S4]"],
            Import("openai-moderation", file, out var tally));
        Assert.Equal("HR", tally.Unmapped.Single().Key);
    }

    [Fact]
    public void HarmBench_texts_carry_their_context_and_pictures_theirs()
    {
        var texts = _folder.Write("text.csv", "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nask,standard,cybercrime_intrusion,,,b1\nask,contextual,illegal,context,\"Some, context\",b2\n");
        Assert.Equal(["harmbench/b1 prompt unsafe [S2]", "harmbench/b2 prompt unsafe []"], Import("harmbench", texts));
        Assert.Equal("Some, context\n\n---\n\nask", Text(1));

        _folder.Write("one.png", "picture");
        var pictures = _folder.Write("mm.csv", "Behavior,BehaviorID,FunctionalCategory,SemanticCategory,ImageFileName,Source,ImageDescription,RedactedImageDescription,Tags\nask,b3,multimodal,chemical_biological,one.png,,,,\n");
        Assert.Equal(["harmbench/b3 prompt unsafe [S9] one.png"], Import("harmbench", pictures));
    }

    [Fact]
    public void AILuminate_columns_are_found_whatever_their_case()
    {
        var file = _folder.Write("a.csv", "Release_prompt_id,Prompt_text,Hazard,Persona,Locale,Prompt_hash\nx_1,text,spc_ele,normal,fr_FR,h\nx_2,text,vcr,normal,en_US,h\n");
        Assert.Equal(["ailuminate/x_1 prompt unsafe [S13] fr", "ailuminate/x_2 prompt unsafe [S1]"], Import("ailuminate", file));
    }

    [Fact]
    public void ToxicChat_has_one_label()
    {
        var file = _folder.Write("t.csv", "conv_id,user_input,model_output,human_annotation,toxicity,jailbreaking,openai_moderation\nc1,hello,hi,True,0,1,\"[[\"\"x\"\", 0.1]]\"\nc2,other,hi,True,1,0,[]\n");
        Assert.Equal(["toxicchat/c1 prompt safe []", "toxicchat/c2 prompt unsafe []"], Import("toxicchat", file));
    }

    [Fact]
    public void BeaverTails_judges_the_answer()
    {
        var file = _folder.Write("b.jsonl", """
            {"prompt":"p","response":"r","category":{"animal_abuse":true,"controversial_topics,politics":true,"self_harm":false},"is_safe":false}
            {"prompt":"p","response":"r","category":{"animal_abuse":false},"is_safe":true}
            """);
        Assert.Equal(["beavertails/1 response unsafe [S1]", "beavertails/2 response safe []"], Import("beavertails", file, out var tally));
        Assert.Equal("controversial_topics,politics", tally.Unmapped.Single().Key);
    }

    [Fact]
    public async Task WildGuard_in_Parquet_gives_a_prompt_and_a_response_where_people_agreed()
    {
        string[] columns = ["prompt", "response", "prompt_harm_label", "response_harm_label", "subcategory"];
        var path = _folder["wildguardtest.parquet"];
        await WriteParquetAsync(path, columns, [["p1", "r1", "harmful", "unharmful", "cyberattack"], ["p2", null, "unharmful", null, "benign"], ["p3", "r3", null, "harmful", "others"]]);
        Assert.Equal(
            ["wildguard/1/prompt prompt unsafe [S2]", "wildguard/1/response response safe []", "wildguard/2/prompt prompt safe []", "wildguard/3/response response unsafe []"],
            Import("wildguard", path, out var tally));
        Assert.Equal(["prompt: no label", "response: none, or no label"], tally.Skipped.Keys);
    }

    [Fact]
    public void VLGuard_gives_a_row_for_each_instruction_about_a_picture()
    {
        Directory.CreateDirectory(_folder["test"]);
        _folder.Write("test/a.jpg", "picture a");
        _folder.Write("test/b.jpg", "picture b");
        var file = _folder.Write("test.json", """
            [{"id":"1","image":"a.jpg","safe":false,"harmful_category":"privacy","harmful_subcategory":"personal data","instr-resp":[{"instruction":"read it","response":"no"}]},
             {"id":"2","image":"b.jpg","safe":true,"instr-resp":[{"safe_instruction":"what is it?","response":"a cup"},{"unsafe_instruction":"misuse it","response":"no"}]}]
            """);
        Assert.Equal(
            ["vlguard/1/1 prompt unsafe [S7] test/a.jpg", "vlguard/2/1 prompt safe [] test/b.jpg", "vlguard/2/2 prompt unsafe [] test/b.jpg"], Import("vlguard", file));
    }

    [Fact]
    public void MM_SafetyBench_gives_three_pictures_a_question_and_each_its_wording()
    {
        Directory.CreateDirectory(_folder["processed_questions"]);
        foreach (var kind in (string[])["SD", "SD_TYPO", "TYPO"])
        {
            Directory.CreateDirectory(_folder[$"imgs/06-Fraud/{kind}"]);
            _folder.Write($"imgs/06-Fraud/{kind}/0.jpg", kind);
        }

        var file = _folder.Write("processed_questions/06-Fraud.json", """{"0":{"Question":"q","Changed Question":"c","Key Phrase":"k","Phrase Type":"t","Rephrased Question":"rephrased","Rephrased Question(SD)":"drawn"}}""");
        Assert.Equal(
            ["mm-safetybench/06-Fraud/0/SD prompt unsafe [S2] imgs/06-Fraud/SD/0.jpg", "mm-safetybench/06-Fraud/0/SD_TYPO prompt unsafe [S2] imgs/06-Fraud/SD_TYPO/0.jpg", "mm-safetybench/06-Fraud/0/TYPO prompt unsafe [S2] imgs/06-Fraud/TYPO/0.jpg"],
            Import("mm-safetybench", file));
        Assert.Equal("drawn", Text(0));
        Assert.Equal("rephrased", Text(2));
    }

    [Fact]
    public void FigStep_asks_to_fill_in_the_list_of_the_sixth_picture()
    {
        _folder.Write("query_ForbidQI_3_1_6.png", "picture");
        var file = _folder.Write("safebench.csv", "dataset,category_id,task_id,category_name,question,instruction\nForbidQI,3,1,Malware Generation,q,Steps to x. 1. 2. 3.\n");
        Assert.Equal(["figstep/3_1 prompt unsafe [S2] query_ForbidQI_3_1_6.png"], Import("figstep", file, out _, _folder.Path));
        Assert.StartsWith("The image shows a list", Text(0));
    }

    [Theory]
    [InlineData("beavertails", "b.csv", "a,b\n1,2\n", "It has the columns a, b; expected prompt, response, category, is_safe")]
    [InlineData("openai-moderation", "m.jsonl", """{"prompt":"x"}""", "and one of S, H, V, HR, SH, S3, H2, V2")]
    [InlineData("toxicchat", "t.csv", "conv_id,user_input,toxicity\nc1,x,maybe\n", "\"toxicity\" must be true or false, or 1 or 0")]
    [InlineData("toxicchat", "t.csv", "conv_id,user_input,toxicity\nc1,x\n", "row 1 has 2 cells, but the header names 3")]
    [InlineData("toxicchat", "t.csv", "", "the file is empty")]
    [InlineData("toxicchat", "t.xlsx", "x", "not as \".xlsx\"")]
    [InlineData("toxicchat", "t.csv", "conv_id,user_input,toxicity\n", "none of its 0 rows")]
    [InlineData("vlguard", "v.json", "[1]", "item 1 is no object")]
    [InlineData("vlguard", "v.json", "{", "not JSON")]
    [InlineData("wildguard", "w.parquet", "PAR1 no more", "damaged")]
    [InlineData("xstest", "x.csv", "prompt,type,label\nx,homonyms,perhaps\n", "\"label\" must be safe or unsafe")]
    [InlineData("harmbench", "h.csv", "Behavior,SemanticCategory,BehaviorID,ImageFileName\nx,illegal,b,none.png\n", "Name the folder of the pictures with --images")]
    [InlineData("nosuch", "x.csv", "a\n1\n", "known are xstest, openai-moderation")]
    public void A_wrong_file_or_column_is_one_clear_error_and_leaves_nothing(string format, string name, string content, string saying)
    {
        var file = _folder.Write(name, content);
        var error = Assert.ThrowsAny<GuardException>(() => Import(format, file));
        Assert.Contains(saying, error.Message);
        Assert.Equal([file], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task The_command_counts_what_it_wrote_and_what_has_no_counterpart()
    {
        var file = _folder.Write("samples.jsonl", """{"prompt":"b","HR":1}""" + "\n");
        var run = await CommandLineRun.OfAsync("data", "import", "openai-moderation", file, "--output", _folder["out.jsonl"]);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("1 rows of 1 published ones, 1 unsafe", run.Out);
        Assert.Contains("no counterpart among S1 to S14, HR: 1", run.Out);
        Assert.Equal(0, (await CommandLineRun.OfAsync("data", "check", _folder["out.jsonl"])).Code);

        var json = (await CommandLineRun.OfAsync("data", "import", "openai-moderation", file, "--output", _folder["out.jsonl"], "--json")).Json();
        Assert.Equal(1, json.GetProperty("noCounterpart").GetProperty("HR").GetInt32());
    }

    private List<string> Import(string format, string file) => Import(format, file, out _);

    /// <summary>Each row as its id, task, verdict, categories, then its language if it is not English and its picture.</summary>
    private List<string> Import(string format, string file, out ImportTally tally, string? images = null)
    {
        tally = DatasetImport.Import(format, file, _folder["out.jsonl"], images, TestContext.Current.CancellationToken);
        return [.. SampleReader.ReadLines(_folder["out.jsonl"]).Select(line =>
        {
            using var row = JsonDocument.Parse(line.Text);
            var root = row.RootElement;
            var content = root.GetProperty("messages")[0].GetProperty("content");
            return string.Join(' ', ((string[])
            [
                root.GetProperty("id").GetString()!,
                root.GetProperty("task").GetString()!,
                root.GetProperty("unsafe").GetBoolean() ? "unsafe" : "safe",
                $"[{string.Join(',', root.GetProperty("categories").EnumerateArray().Select(code => code.GetString()))}]",
                root.GetProperty("language").GetString() is "en" ? "" : root.GetProperty("language").GetString()!,
                content.ValueKind == JsonValueKind.Array ? content[0].GetProperty("path").GetString()! : "",
            ]).Where(part => part.Length > 0));
        })];
    }

    private string Text(int index)
    {
        using var row = JsonDocument.Parse(SampleReader.ReadLines(_folder["out.jsonl"]).ElementAt(index).Text);
        var content = row.RootElement.GetProperty("messages")[0].GetProperty("content");
        return (content.ValueKind == JsonValueKind.Array ? content[1].GetProperty("text") : content).GetString()!;
    }

    private static async Task WriteParquetAsync(string path, string[] columns, string?[][] rows)
    {
        var schema = new ParquetSchema([.. columns.Select(name => (Field)new DataField<string>(name))]);
        await using var file = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(schema, file, new ParquetOptions());
        using var group = writer.CreateRowGroup();
        foreach (var (field, index) in schema.GetDataFields().Select((field, index) => (field, index)))
        {
            await group.WriteAsync(field, [.. rows.Select(row => row[index]!)], null);
        }

        group.CompleteValidate();
    }
}
