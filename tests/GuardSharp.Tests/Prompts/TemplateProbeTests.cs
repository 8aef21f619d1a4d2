using GuardSharp.Prompts;

namespace GuardSharp.Tests.Prompts;

public sealed class TemplateProbeTests
{
    /// <summary>Templates in the manner of the published ones, in our own words: computed parts, loops, dashes, escapes and raw text mixed.</summary>
    private const string Template = """
        {%- set categories = {"S1": "Violent Crimes."} -%}
        {{- "<|begin_of_text|><|header_start|>user<|header_end|>\n\n" -}}
        {{- "Task: Check if there is unsafe content in '" + role + "' messages in conversations according to our safety policy with the below categories.\n\n" -}}
        {{- "<BEGIN UNSAFE CONTENT CATEGORIES>\n" -}}
        {%- for key in categories if key not in excluded_category_keys -%}
        {{- key + ": " + categories[key] + "\n" -}}
        {%- endfor -%}
        {{- "<END UNSAFE CONTENT CATEGORIES>\n\n<BEGIN CONVERSATION>\n" -}}
        {%- for message in messages %}
        {{ role ~ ': ' ~ content | trim ~ '\\n\\n' }}
        {% endfor %}
        {{- "<END CONVERSATION>\n\nProvide your safety assessment for ONLY THE LAST " + role + " message in the above conversation:\n" -}}
        {{- " - If unsafe, a second line must include a comma-separated list of violated categories. <|eot|>" -}}
        {{- "<|header_start|>assistant<|header_end|>" -}}
        """;

    /// <summary>Templates in the manner of Llama Guard 3 1B and Vision.</summary>
    private const string Guard3Template = """
        {%- set categories = {"S1": "Violent Crimes."} -%}
        {{- "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n" -}}
        {%- if image_ns.has_images %}{{- "<|image|> " -}}{% endif -%}
        {{- "Task: Check if there is unsafe content in '" + role + "' messages in conversations according our safety policy with the below categories.\n\n" -}}
        {{- "<BEGIN UNSAFE CONTENT CATEGORIES>\n" -}}
        {%- for key in categories if key not in excluded_category_keys -%}
        {{- key + ": " + categories[key] + "\n" -}}
        {%- endfor -%}
        {{- "<END UNSAFE CONTENT CATEGORIES>\n\n<BEGIN CONVERSATION>\n\n" -}}
        {%- for content in message['content'] | selectattr('type', 'equalto', 'text') -%}
        {{- role ~ ': ' ~ content['text'] | trim ~ '\n\n' -}}
        {%- endfor -%}
        {{- "<END CONVERSATION>\n\nProvide your safety assessment for ONLY THE LAST " + role + " message in the above conversation:\n" -}}
        {{- " - If unsafe, a second line must include a comma-separated list of violated categories. <|eot_id|>" -}}
        {{- "<|start_header_id|>assistant<|end_header_id|>" -}}
        """;

    public static TheoryData<PromptVariant, string, string> Guard3Templates => new()
    {
        { PromptVariant.Guard3Vision, "", "" },
        { PromptVariant.Guard3Small, "{%- if image_ns.has_images %}{{- \"<|image|> \" -}}{% endif -%}", "" },
        { PromptVariant.Guard3VisionFirst, "<BEGIN UNSAFE CONTENT CATEGORIES>", "<BEGIN UNSAFECONTENT CATEGORIES>" },
    };

    [Theory, MemberData(nameof(Guard3Templates))]
    public void Templates_of_Llama_Guard_3_are_told_apart(PromptVariant expected, string from, string to) =>
        Assert.Equal(expected, TemplateProbe.Choose(from.Length == 0 ? Guard3Template : Guard3Template.Replace(from, to, StringComparison.Ordinal), "t"));

    [Fact]
    public void The_8B_template_has_no_blank_no_image_and_a_fixed_list() => Assert.Equal(
        PromptVariant.Guard3,
        TemplateProbe.Choose(
            Guard3Template.Replace("{%- if image_ns.has_images %}{{- \"<|image|> \" -}}{% endif -%}", "", StringComparison.Ordinal)
                .Replace(" if key not in excluded_category_keys", "", StringComparison.Ordinal)
                .Replace(". <|eot_id|>", ".<|eot_id|>", StringComparison.Ordinal),
            "t"));

    [Theory]
    [InlineData("according our", "according with our")]
    [InlineData("<BEGIN CONVERSATION>\\n\\n", "<BEGIN CONVERSATION>\\n")]
    [InlineData(". <|eot_id|>", ".<|eot_id|>")]
    [InlineData(" if key not in excluded_category_keys", "")]
    public void A_template_like_those_of_Llama_Guard_3_is_not_taken_for_one(string from, string to)
    {
        var template = Guard3Template.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(Guard3Template, template);
        Assert.Throws<CheckpointException>(() => TemplateProbe.Choose(template, "t"));
    }

    [Fact]
    public void The_published_template_wants_its_literal_pairs() =>
        Assert.Equal(PromptVariant.HuggingFace, TemplateProbe.Choose(Template, "tokenizer_config.json"));

    [Fact]
    public void Pairs_that_stand_in_raw_text_are_found_as_well() => Assert.Equal(
        PromptVariant.HuggingFace,
        TemplateProbe.Choose(Template.Replace("~ '\\\\n\\\\n' }}", "}}\\n\\n", StringComparison.Ordinal), "tokenizer_config.json"));

    [Fact]
    public void Without_the_pairs_it_is_the_clean_one() =>
        Assert.Equal(PromptVariant.Clean, TemplateProbe.Choose(Template.Replace("\\\\n", "\\n", StringComparison.Ordinal), "t"));

    [Fact]
    public void Metas_page_as_a_template_is_known() => Assert.Equal(
        PromptVariant.MetaDocs,
        TemplateProbe.Choose(
            Template.Replace("\\\\n", "\\n", StringComparison.Ordinal)
                .Replace("<BEGIN CONVERSATION>\\n", "<BEGIN CONVERSATION>\\n\\n", StringComparison.Ordinal)
                .Replace(". <|eot|>", ".<|eot|>", StringComparison.Ordinal),
            "t"));

    [Theory]
    [InlineData("according to our", "according our")]
    [InlineData("<BEGIN CONVERSATION>\\n", "<BEGIN CONVERSATION>\\n\\n\\n")]
    [InlineData(". <|eot|>", ".<|eot|>")]
    [InlineData("<BEGIN UNSAFE CONTENT", "<BEGIN UNSAFECONTENT")]
    [InlineData(" if key not in excluded_category_keys", "")]
    public void A_template_of_no_known_variant_is_refused_unless_one_is_named(string from, string to)
    {
        var template = Template.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(Template, template);
        var error = Assert.Throws<CheckpointException>(() => TemplateProbe.Choose(template, "tokenizer_config.json"));
        Assert.Contains("--prompt-variant", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variant_that_is_named_needs_no_known_template()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["chat_template.jinja"], "of no known kind");
        Assert.Equal(PromptVariant.Clean, PromptVariants.Of(folder.Path, null, PromptVariant.Clean));
        Assert.Throws<CheckpointException>(() => PromptVariants.Of(folder.Path, null, null));
    }

    [Fact]
    public void A_folder_without_template_gets_that_of_its_architecture() =>
        Assert.Equal(
            [PromptVariant.HuggingFace, PromptVariant.Guard3Small, PromptVariant.Guard3],
            new[] { "llama4-tiny", "llama-tiny/tied", "llama-tiny/untied" }.Select(name => PromptVariants.Of(TestFiles.Golden(name.Split('/')), null, null)));

    [Theory]
    [InlineData("{")]
    [InlineData("{{")]
    [InlineData("{% if '")]
    [InlineData("{# {{ #}a")]
    public void A_damaged_template_is_refused_not_a_crash(string template) =>
        Assert.Throws<CheckpointException>(() => TemplateProbe.Choose(template, "t"));
}
