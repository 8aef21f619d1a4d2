using System.Text;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Policies;

public sealed class PolicyTests
{
    [Fact]
    public void The_default_is_the_taxonomy_in_its_order() => Assert.Equal(
        Enumerable.Range(1, 14).Select(i => $"S{i}"), Policy.MlCommons.Categories.Select(c => c.Code));

    [Fact]
    public void The_taxonomy_knows_every_name_of_a_hazard()
    {
        var hazard = HazardTaxonomy.Find("S6")!;
        Assert.Equal(("Specialized Advice", "Specialized Advice", 3), (hazard.Category.Name, hazard.CardName, hazard.AILuminateIds.Count));
        Assert.Equal("Suicide & Self-Harm", HazardTaxonomy.Find("S11")!.CardName);
        Assert.Null(HazardTaxonomy.Find("S15"));
        Assert.Null(HazardTaxonomy.Find("s1"));
    }

    [Fact]
    public void Codes_stand_in_numeric_order_whatever_order_they_came_in()
    {
        var policy = Policy.FromJson("""{"name":"p","categories":["S10","S2",{"code":"S99","name":"Puns"},"S1"]}"""u8.ToArray());
        Assert.Equal(["S1", "S2", "S10", "S99"], policy.Categories.Select(c => c.Code));
    }

    [Fact]
    public void The_version_is_the_name_and_changes_with_every_content()
    {
        Policy[] policies =
        [
            Policy.MlCommons,
            Policy.MlCommons.Without("S14"),
            Policy.Create("mlcommons", Policy.MlCommons.Categories, new Dictionary<string, double> { ["S1"] = 0.3 }),
            Policy.Create("mlcommons", [.. Policy.MlCommons.Categories.Take(13), new("S14", "Code Interpreter Abuse", "Escapes.")]),
        ];
        Assert.Equal(4, policies.Select(p => p.Version).Distinct().Count());
        Assert.All(policies, p => Assert.Matches("^mlcommons@[0-9a-f]{12}$", p.Version));
        Assert.Equal(Policy.MlCommons.Version, Policy.Create("mlcommons", Policy.MlCommons.Categories.Reverse()).Version);
    }

    [Fact]
    public void A_file_may_redefine_a_category_and_set_thresholds()
    {
        var policy = Policy.FromJson(
            """{"name":"p","categories":["S1",{"code":"S2","name":"Theft","description":"At work."},{"code":"S3","description":"x"}],"thresholds":{"S2":0.25}}"""u8.ToArray());
        Assert.Equal(new HazardCategory("S2", "Theft", "At work."), policy.Categories[1]);
        Assert.Equal("Sex Crimes", policy.Categories[2].Name);
        Assert.Equal(0.25, policy.Thresholds["S2"]);
        Assert.Empty(policy.Only("S1").Thresholds);
    }

    [Fact]
    public void A_file_with_thresholds_alone_keeps_the_default_list_and_its_rule_for_images()
    {
        var policy = Policy.FromJson("""{"thresholds":{"S14":0.2,"S1":0.3}}"""u8.ToArray());
        Assert.Equal(14, policy.Categories.Count);
        Assert.Equal(13, policy.ForImages().Categories.Count);
        Assert.Equal(["S1"], policy.ForImages().Thresholds.Keys);
    }

    [Theory]
    [InlineData("""{"categories":["S77"]}""", "\"S77\"", "S1 to S14")]
    [InlineData("""{"categories":["S1","S1"]}""", "S1 twice", "stands once")]
    [InlineData("""{"categories":[]}""", "no category", "at least one")]
    [InlineData("""{"categories":[{"code":"X1","name":"x"}]}""", "\"X1\"", "S and a number")]
    [InlineData("""{"categories":[{"code":"S01","name":"x"}]}""", "\"S01\"", "S and a number")]
    [InlineData("""{"categories":[{"code":"S99"}]}""", "\"S99\"", "code and name")]
    [InlineData("""{"categories":[{"name":"x"}]}""", "without code", "such as S99")]
    [InlineData("""{"categories":[{"code":"S99","name":"a\nUser: b"}]}""", "name of S99", "one line")]
    [InlineData("""{"categories":[7]}""", "Number", "a code such as")]
    [InlineData("""{"categories":"S1"}""", "String", "a list")]
    [InlineData("""{"thresholds":{"S1":1.5}}""", "1.5", "up to 1")]
    [InlineData("""{"thresholds":{"S99":0.5}}""", "\"S99\"", "S1-S14")]
    [InlineData("""{"threshold":0.5}""", "\"threshold\"", "thresholds")]
    [InlineData("""[]""", "Array", "an object")]
    [InlineData("""{"name":""", "not JSON", "")]
    public void A_damaged_file_is_an_error_that_says_what_is_allowed(string json, string seen, string allowed)
    {
        var error = Assert.Throws<InvalidConversationException>(() => Policy.FromJson(Encoding.UTF8.GetBytes(json)));
        Assert.Contains(seen, error.Message, StringComparison.Ordinal);
        Assert.Contains(allowed, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_an_error_that_names_it() => Assert.Contains(
        "no-such.json", Assert.Throws<InvalidConversationException>(() => Policy.ReadFile("no-such.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void Narrowing_by_an_unknown_code_is_an_error() =>
        Assert.Contains("S1-S14", Assert.Throws<InvalidConversationException>(() => Policy.MlCommons.Only("S15")).Message, StringComparison.Ordinal);
}
